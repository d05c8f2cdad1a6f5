// Writes src/formulas: what the documentation of functions and losses shows instead of its plain text, as MathML, which
// browsers render by themselves, offline as well.
//
//     npm install --no-save katex && node docs/formulas.mjs
//
// An item in src has both: #[cfg_attr(doc, ...)] the formula, #[cfg_attr(not(doc), ...)] what editors show.

import katex from "katex";
import { mkdirSync, writeFileSync } from "node:fs";

const S = String.raw;
const win = S`P_{\text{win}}`, tie = S`P_{\text{tie}}`, lose = S`P_{\text{loss}}`;
const curvature = S`${win}\,${lose} + \tfrac14 ${tie}\,(${win} + ${lose})`;

const formulas = {
  sigmoid: S`\sigma(x) &= \frac{1}{1 + e^{-x}}`,
  log_sigmoid: S`\log\,\sigma(x) &= -\log\left(1 + e^{-x}\right)`,
  softplus: S`S(x) &= \log\left(1 + e^{x}\right)`,
  logit: S`\operatorname{logit}(p) &= \log\frac{p}{1 - p}`,
  win_probability: S`P(i \succ j) &= \sigma(s_i - s_j) = \frac{e^{s_i}}{e^{s_i} + e^{s_j}}`,
  log_win_probability: S`\log P(i \succ j) &= \log\,\sigma(s_i - s_j)`,
  win_probability_from_strengths: S`P(i \succ j) &= \frac{\pi_i}{\pi_i + \pi_j}`,

  logistic: S`L(z) &= -\log\,\sigma(z) = \log\left(1 + e^{-z}\right) = \log\left(e^{c} + e^{r}\right) - c`,
  logistic_derivatives: S`L'(z) &= -\sigma(-z) & L''(z) &= \sigma(z)\,\sigma(-z)`,
  robust_logistic: S`L(z) &= \frac{(1-\varepsilon)\,S(-z) - \varepsilon\,S(z)}{1 - 2\varepsilon}
    = S(-z) - \frac{\varepsilon z}{1 - 2\varepsilon}`,
  robust_logistic_derivatives:
    S`L'(z) &= -\sigma(-z) - \frac{\varepsilon}{1 - 2\varepsilon} & L''(z) &= \sigma(z)\,\sigma(-z)`,
  hinge: S`L(z) &= \max(0,\, m - z)`,
  hinge_derivatives: S`L'(z) &= \begin{cases} -1 & z < m \\ 0 & z \ge m \end{cases} & L''(z) &= 0`,
  squared_hinge: S`L(z) &= \max(0,\, m - z)^2`,
  squared_hinge_derivatives: S`L'(z) &= -2 \max(0,\, m - z) &
    L''(z) &= \begin{cases} 2 & z < m \\ 0 & z \ge m \end{cases}`,
  exponential: S`L(z) &= e^{-z}`,
  exponential_derivatives: S`L'(z) &= -e^{-z} & L''(z) &= e^{-z}`,
  ipo: S`L(z) &= \left(z - \frac{1}{2\beta}\right)^2`,
  ipo_derivatives: S`L'(z) &= 2\left(z - \frac{1}{2\beta}\right) & L''(z) &= 2`,
  tuned: S`L_{\beta,m,\varepsilon}(z) &= (1-\varepsilon)\,L(t) + \varepsilon\,L(-t), \quad t = \beta\,(z - m)`,
  tuned_derivatives: S`L_{\beta,m,\varepsilon}'(z) &= \beta \left((1-\varepsilon)\,L'(t) - \varepsilon\,L'(-t)\right) \\
    L_{\beta,m,\varepsilon}''(z) &= \beta^2 \left((1-\varepsilon)\,L''(t) + \varepsilon\,L''(-t)\right)`,

  rao_kupper: S`${win} &= \sigma(z - \eta) \\ ${lose} &= \sigma(-z - \eta) \\
    ${tie} &= 1 - ${win} - ${lose} = (e^{2\eta} - 1)\,${win}\,${lose}`,
  rao_kupper_win: S`L(z) &= -\log\,${win} = -\log\,\sigma(z - \eta) = \log\left(1 + e^{\eta - z}\right)`,
  rao_kupper_win_derivatives: S`L'(z) &= -\sigma(\eta - z) & L''(z) &= \sigma(\eta - z)\,\sigma(z - \eta) &
    \frac{\partial L}{\partial \eta} &= \sigma(\eta - z)`,
  rao_kupper_tie: S`L(z) &= -\log\,${tie} = S(\eta - z) + S(\eta + z) - \log\left(e^{2\eta} - 1\right)`,
  rao_kupper_tie_derivatives: S`L'(z) &= \sigma(z - \eta) - \sigma(-z - \eta) \\
    L''(z) &= \sigma(z - \eta)\,\sigma(\eta - z) + \sigma(z + \eta)\,\sigma(-z - \eta) \\
    \frac{\partial L}{\partial \eta} &= -\sigma(z - \eta) - \sigma(-z - \eta) - \frac{2}{e^{2\eta} - 1}`,
  davidson: S`${win} : ${tie} : ${lose} &= e^{z/2} : \nu : e^{-z/2} = \pi_i : \nu \sqrt{\pi_i \pi_j} : \pi_j`,
  davidson_win: S`L(z) &= -\log\,${win} = \log\left(e^{z/2} + e^{-z/2} + \nu\right) - \frac z2`,
  davidson_win_derivatives: S`L'(z) &= -${lose} - \tfrac12 ${tie} \\ L''(z) &= ${curvature} \\
    \frac{\partial L}{\partial \log\,\nu} &= ${tie}`,
  davidson_tie: S`L(z) &= -\log\,${tie} = \log\left(e^{z/2} + e^{-z/2} + \nu\right) - \log\,\nu`,
  davidson_tie_derivatives: S`L'(z) &= \tfrac12 (${win} - ${lose}) \\ L''(z) &= ${curvature} \\
    \frac{\partial L}{\partial \log\,\nu} &= -${win} - ${lose}`,

  centering: S`L_{\text{sums}} &= k\,(c + r)^2 & L_{\text{rewards}} &= k\,(c^2 + r^2)`,
  centering_derivatives: S`\frac{\partial L_{\text{sums}}}{\partial c} = \frac{\partial L_{\text{sums}}}{\partial r}
    &= 2k\,(c + r) & \frac{\partial L_{\text{rewards}}}{\partial c} &= 2kc &
    \frac{\partial L_{\text{rewards}}}{\partial r} &= 2kr`,
};

const folder = new URL("../src/formulas/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, tex] of Object.entries(formulas)) {
  const html = katex.renderToString(S`\begin{aligned}${tex}\end{aligned}`,
    { output: "mathml", displayMode: true, strict: "error" });
  const prime = mark => `<mo lspace="0" rspace="0.1em">${mark}</mo>`;
  let cell = 0;
  const math = html.match(/<math.*<\/math>/s)[0]
    .replace(/<annotation.*<\/annotation>/s, "")
    .replace(/ (columnalign|columnspacing|rowspacing|scriptlevel)="[^"]*"/g, "")
    // A prime is raised as it is, and a minus at the head of an expression is no difference.
    .replace(/<mrow>(<mo mathvariant="normal">′<\/mo>){2}<\/mrow>/g, "<mo>″</mo>")
    .replace(/<msup><mi>L<\/mi><mo[^>]*>([′″])<\/mo><\/msup>/g, (_, mark) => `<mrow><mi>L</mi>${prime(mark)}</mrow>`)
    .replace(/<msubsup><mi>L<\/mi>(<mrow>.*?<\/mrow>)<mo[^>]*>([′″])<\/mo><\/msubsup>/g,
      (_, index, mark) => `<msub><mrow><mi>L</mi>${prime(mark)}</mrow>${index}</msub>`)
    .replace(/(<mo[^>]*>[=(]<\/mo>)<mo>−<\/mo>/g, '$1<mo form="prefix">−</mo>')
    // Browsers align the cells of a table by CSS alone. First those of cases.
    .replace(/{<\/mo><mtable>.*?<\/mtable>/g, table => table.replaceAll("<mtr>", '<mtr style="">')
      .replaceAll("<mtd>", '<mtd style="text-align:left;padding:.15em .8em .15em 0">'))
    .replace(/<(\/?)(mtr|mtd|mtable)>/g, (tag, close, element) => {
      if (element === "mtr" && !close) cell = 0;
      if (element !== "mtd" || close) return tag;
      const right = cell++ % 2 === 0;
      const gap = right && cell > 1 ? "padding-left:2em" : "padding-left:0";
      return `<mtd style="text-align:${right ? "right" : "left"};${gap};padding-right:0">`;
    });
  const style = "overflow-x:auto;margin:0 0 .75em";
  writeFileSync(new URL(`${name}.html`, folder), `<div style="${style}">${math}</div>\n`);
}
