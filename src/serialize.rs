//! The feature `serde`: state as integers, choices by name.
//!
//! (a) [`Total`] and [`Metrics`] are tuples of integers, the same that their documentation describes, in every
//!     format: an array in JSON, without a length in binary formats, where a variable-length encoding makes the many
//!     zeros a byte each.
//! (b) On the way in they go through the checks of [`Total::from_limbs`] and [`Metrics::from_parts`].
//! (c) [`Reduction`] and [`Ties`] look as `#[derive]` would have them, which would cost every user a compiler of
//!     macros.

use crate::batch::Reduction;
use crate::reduce::{Metrics, Ties, Total};
use core::fmt;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::ser::{Serialize, SerializeTuple, Serializer};

impl Serialize for Total {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_integers(self.as_limbs(), serializer)
    }
}

impl<'de> Deserialize<'de> for Total {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let limbs: [i64; Self::LIMBS] = deserialize_integers(deserializer)?;
        Self::from_limbs(&limbs).map_err(D::Error::custom)
    }
}

/// Those of [`Metrics::to_sums`], then those of [`Metrics::to_extremes`].
const METRICS: usize = Metrics::SUMS + Metrics::EXTREMES;

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut integers = [0; METRICS];
        let (sums, extremes) = integers.split_at_mut(Self::SUMS);
        sums.copy_from_slice(&self.to_sums());
        extremes.copy_from_slice(&self.to_extremes());
        serialize_integers(&integers, serializer)
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let integers: [i64; METRICS] = deserialize_integers(deserializer)?;
        let (sums, extremes) = integers.split_at(Self::SUMS);
        Self::from_parts(sums, extremes).map_err(D::Error::custom)
    }
}

fn serialize_integers<S: Serializer>(integers: &[i64], serializer: S) -> Result<S::Ok, S::Error> {
    let mut tuple = serializer.serialize_tuple(integers.len())?;
    for integer in integers {
        tuple.serialize_element(integer)?;
    }
    tuple.end()
}

fn deserialize_integers<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<[i64; N], D::Error> {
    deserializer.deserialize_tuple(N, Integers::<N>)
}

struct Integers<const N: usize>;

impl<'de, const N: usize> Visitor<'de> for Integers<N> {
    type Value = [i64; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} integers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<[i64; N], A::Error> {
        let mut integers = [0; N];
        for (position, integer) in integers.iter_mut().enumerate() {
            let next = sequence.next_element()?;
            *integer = next.ok_or_else(|| A::Error::invalid_length(position, &self))?;
        }
        Ok(integers)
    }
}

const TIES: &[&str] = &["Wrong", "Half", "Skip"];

impl Serialize for Ties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let index = match self {
            Self::Wrong => 0,
            Self::Half => 1,
            Self::Skip => 2,
        };
        serializer.serialize_unit_variant("Ties", index, TIES[index as usize])
    }
}

impl<'de> Deserialize<'de> for Ties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("Ties", TIES, TiesVisitor)
    }
}

struct TiesVisitor;

impl<'de> Visitor<'de> for TiesVisitor {
    type Value = Ties;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what a tie counts")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Ties, A::Error> {
        let (index, variant) = access.variant_seed(Name(TIES))?;
        variant.unit_variant()?;
        Ok(match index {
            0 => Ties::Wrong,
            1 => Ties::Half,
            _ => Ties::Skip,
        })
    }
}

const REDUCTIONS: &[&str] = &["Sum", "Mean", "WeightedMean", "Over"];

impl Serialize for Reduction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = "Reduction";
        match self {
            Self::Sum => serializer.serialize_unit_variant(name, 0, REDUCTIONS[0]),
            Self::Mean => serializer.serialize_unit_variant(name, 1, REDUCTIONS[1]),
            Self::WeightedMean => serializer.serialize_unit_variant(name, 2, REDUCTIONS[2]),
            Self::Over(n) => serializer.serialize_newtype_variant(name, 3, REDUCTIONS[3], n),
        }
    }
}

impl<'de> Deserialize<'de> for Reduction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("Reduction", REDUCTIONS, ReductionVisitor)
    }
}

struct ReductionVisitor;

impl<'de> Visitor<'de> for ReductionVisitor {
    type Value = Reduction;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reduction")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Reduction, A::Error> {
        let (index, variant) = access.variant_seed(Name(REDUCTIONS))?;
        let reduction = match index {
            0 => Reduction::Sum,
            1 => Reduction::Mean,
            2 => Reduction::WeightedMean,
            _ => return variant.newtype_variant().map(Reduction::Over),
        };
        variant.unit_variant()?;
        Ok(reduction)
    }
}

/// The name of a variant, or its index, to its index.
struct Name(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {} variants", self.0.len())
    }

    fn visit_u64<E: Error>(self, index: u64) -> Result<usize, E> {
        let found = usize::try_from(index).ok().filter(|&index| index < self.0.len());
        found.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(index), &self))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        let index = self.0.iter().position(|&known| known == name);
        index.ok_or_else(|| E::unknown_variant(name, self.0))
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<usize, E> {
        let index = self.0.iter().position(|&known| known.as_bytes() == name);
        index.ok_or_else(|| E::invalid_value(Unexpected::Bytes(name), &self))
    }
}
