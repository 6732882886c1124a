//! A report as one page that needs nothing else, and as one image.

use super::Report;
use super::plot::{bars, beeswarm, dependence, escape, number, partial};

/// Features with plots of their own.
const DETAILED: usize = 10;

/// Colours follow the reader's choice of light or dark. The nine shades run from blue to orange
/// over a middle that is visible on both grounds, and are told apart without red and green.
const STYLE: &str = "
:root{color-scheme:light dark;--ground:#fff;--ink:#1b1f24;--soft:#5b6470;--rule:#d9dee4;--bar:#2f6db0;--ice:#9aa5b1}
@media(prefers-color-scheme:dark){:root{--ground:#15181c;--ink:#e8ebee;--soft:#9aa4af;--rule:#333a42;--bar:#6aa7e8;--ice:#66707c}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:46rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.2rem 0 .3rem}p{margin:.3rem 0 .8rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:1rem 0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
figure{margin:0}.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:.5rem;margin:.6rem 0}
table{border-collapse:collapse;font-size:.9rem}th,td{padding:.15rem .8rem .15rem 0;text-align:left;border-bottom:1px solid var(--rule)}td+td,th+th{text-align:right}
summary{cursor:pointer;color:var(--soft)}
";

/// Style of the plots, on the page and in an image of their own.
const PLOT_STYLE: &str = "
svg{max-width:100%;height:auto;font:12px system-ui,sans-serif}
svg text{fill:var(--ink,#1b1f24)}svg .name,svg .side{text-anchor:end}svg .mark{text-anchor:middle;fill:var(--soft,#5b6470)}svg .side,svg .value{fill:var(--soft,#5b6470)}
svg .bar{fill:var(--bar,#2f6db0)}svg .grid{stroke:var(--rule,#d9dee4)}svg .zero{stroke:var(--soft,#5b6470)}
svg .dot{fill:none;stroke-width:4;stroke-linecap:round;stroke-opacity:.75}svg .plain{stroke:var(--bar,#2f6db0);stroke-opacity:.45}
svg .ice{fill:none;stroke:var(--ice,#9aa5b1);stroke-opacity:.5}svg .pdp{fill:none;stroke:var(--bar,#2f6db0);stroke-width:2.5}
svg .s0{stroke:#1f6fd6}svg .s1{stroke:#3f86d8}svg .s2{stroke:#6a9bd4}svg .s3{stroke:#8fa9c6}svg .s4{stroke:#a9a9a9}svg .s5{stroke:#c9a27c}svg .s6{stroke:#db9450}svg .s7{stroke:#e2832b}svg .s8{stroke:#e06c00}svg .s9{stroke:#8a8f96;stroke-opacity:.5}
";

impl Report {
    /// One HTML page with every plot in it: no script, no other file, dark or light.
    #[must_use]
    pub fn html(&self) -> String {
        let mut page = String::new();
        let title = escape(&self.title);
        page.push_str(&format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <title>{title}: what the model goes by</title><style>{STYLE}{PLOT_STYLE}</style></head>\
             <body><main><h1>{title}</h1><p>What the model goes by, over {} rows.</p>",
            self.rows
        ));
        self.facts(&mut page);
        section(
            &mut page,
            "Importance",
            "Mean size of each feature's contribution to the margin.",
            &self.importance_plot(),
        );
        section(
            &mut page,
            "Contributions, row by row",
            "Each dot is a row of the sample. Right of zero raises the margin, left lowers it. \
             Blue is a low value of the feature, orange a high one, grey a missing one.",
            &beeswarm("swarm", &self.features),
        );
        section(
            &mut page,
            "Reliance",
            "Mean change of the margin when a feature's values are dealt out to the rows anew.",
            &self.permutation_plot(),
        );
        page.push_str(
            "<section><h2>Feature by feature</h2><p>Left: the contribution by the feature's \
             value. Right: the margin if every row had that value, as a mean (thick) and for \
             single rows (thin).</p>",
        );
        for (index, feature) in self.features.iter().take(DETAILED).enumerate() {
            page.push_str(&format!(
                "<h3>{}</h3><div class=\"pair\">{}{}</div>",
                escape(&feature.name),
                dependence(&format!("d{index}"), feature),
                partial(&format!("p{index}"), feature)
            ));
        }
        page.push_str("</section>");
        self.table(&mut page);
        page.push_str("</main></body></html>\n");
        page
    }

    /// The plots of the whole model as one image.
    #[must_use]
    pub fn svg(&self) -> String {
        let plots =
            [self.importance_plot(), beeswarm("swarm", &self.features), self.permutation_plot()];
        let heights: Vec<f64> = plots.iter().map(|plot| height(plot)).collect();
        let total: f64 = heights.iter().map(|height| height + 20.0).sum();
        let mut svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {total:.0}" width="720" height="{total:.0}"><style>{PLOT_STYLE}</style><rect width="100%" height="100%" fill="var(--ground,#fff)"/>"#
        );
        let mut top = 10.0;
        for (plot, height) in plots.iter().zip(heights) {
            svg.push_str(&format!(
                r#"<svg y="{top:.0}" width="720" height="{height:.0}">{plot}</svg>"#
            ));
            top += height + 20.0;
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn importance_plot(&self) -> String {
        let shown = self.importance.get(..self.importance.len().min(super::FEATURES_SHOWN));
        let shown = shown.unwrap_or_default();
        let description = match shown.first() {
            Some((name, value)) => format!("The largest is {name} with {}.", number(*value)),
            None => String::new(),
        };
        bars("importance", "Mean size of contributions", &description, shown)
    }

    fn permutation_plot(&self) -> String {
        let mut shown: Vec<(String, f64)> =
            self.features.iter().map(|f| (f.name.clone(), f.permutation)).collect();
        shown.sort_by(|a, b| b.1.total_cmp(&a.1));
        let title = "Change of the margin when a feature is permuted";
        bars("permutation", title, "", &shown)
    }

    fn facts(&self, page: &mut String) {
        let output = match self.outputs {
            1 => String::new(),
            outputs => format!("<dt>Output</dt><dd>{} of {outputs}</dd>", self.output),
        };
        page.push_str(&format!(
            "<dl><dt>Method</dt><dd>{}</dd>{output}<dt>Expected margin</dt><dd>{}</dd>\
             <dt>Sample</dt><dd>{} rows</dd><dt>Explainer pack</dt><dd>{}</dd></dl>",
            self.method.replace('_', " "),
            number(self.base),
            self.sampled,
            self.pack
        ));
    }

    /// The numbers behind the bars, for those who do not see them.
    fn table(&self, page: &mut String) {
        page.push_str(
            "<section><h2>As a table</h2><details><summary>Every feature</summary><table>\
             <thead><tr><th>feature</th><th>mean size of contribution</th></tr></thead><tbody>",
        );
        for (name, value) in &self.importance {
            page.push_str(&format!(
                "<tr><td>{}</td><td>{}</td></tr>",
                escape(name),
                number(*value)
            ));
        }
        page.push_str("</tbody></table></details></section>");
    }
}

fn section(page: &mut String, title: &str, words: &str, plot: &str) {
    page.push_str(&format!(
        "<section><h2>{title}</h2><p>{words}</p><figure>{plot}</figure></section>"
    ));
}

/// The height of a plot's view box.
fn height(plot: &str) -> f64 {
    let after = plot.split_once("viewBox=\"0 0 ").map(|(_, after)| after).unwrap_or_default();
    let mut numbers = after.split(['"', ' ']).skip(1);
    numbers.next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}
