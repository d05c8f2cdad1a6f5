//! Prints the hash of [`work`] in hexadecimal digits. Linked with nothing: what `std` and the C library would have done is
//! here, three system calls' worth.

#![no_std]
#![no_main]

mod work;

use core::arch::{asm, global_asm};
use core::panic::PanicInfo;

// The stack is aligned as a call leaves it.
global_asm!(".globl _start", "_start:", "and rsp, -16", "call {main}", "ud2", main = sym main);

extern "C" fn main() -> ! {
    let Ok(hash) = work::hash() else { exit(1) };
    let digit = |i: u32| b"0123456789abcdef"[(hash >> (60 - 4 * i)) as usize & 15];
    let digits: [u8; 16] = core::array::from_fn(|i| digit(i as u32));
    // SAFETY: write(1, digits, 16) reads the array.
    unsafe {
        let (number, out) = (1_usize, 1_usize);
        asm!("syscall", inout("rax") number => _, in("rdi") out, in("rsi") digits.as_ptr(), in("rdx") digits.len(),
            out("rcx") _, out("r11") _);
    }
    exit(0)
}

fn exit(code: usize) -> ! {
    // SAFETY: exit_group(code) does not return.
    unsafe { asm!("syscall", in("rax") 231_usize, in("rdi") code, options(noreturn)) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101)
}

/// What the tables of the compiled `core` name for unwinding. Nothing unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// # Safety
/// As of C's `memcpy`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe {
        asm!("rep movsb", inout("rcx") len => _, inout("rdi") to => _, inout("rsi") from => _);
    }
    to
}

/// # Safety
/// As of C's `memmove`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    if to.cast_const() <= from {
        // SAFETY: the caller's; each byte is read before it is overwritten.
        return unsafe { memcpy(to, from, len) };
    }
    // SAFETY: the caller's; from the last byte to the first one.
    unsafe {
        let (last_to, last_from) =
            (to.wrapping_add(len).wrapping_sub(1), from.wrapping_add(len).wrapping_sub(1));
        asm!("std", "rep movsb", "cld", inout("rcx") len => _, inout("rdi") last_to => _, inout("rsi") last_from => _);
    }
    to
}

/// # Safety
/// As of C's `memset`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe {
        asm!("rep stosb", inout("rcx") len => _, inout("rdi") to => _, in("al") byte as u8);
    }
    to
}

/// # Safety
/// As of C's `memcmp`.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> i32 {
    for i in 0..len {
        // SAFETY: the caller's. Volatile, or the loop would become a call of itself.
        let (a, b) = unsafe { (a.add(i).read_volatile(), b.add(i).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}
