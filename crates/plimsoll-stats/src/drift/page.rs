//! A report as one page that needs nothing else, and as Markdown.
//!
//! What is drawn is bars of shares, never rows, so the page stays small however large the
//! tables are. Names of columns and categories come from files and are escaped.

use super::{Chunks, ColumnReport, Convention, Plot, Report, Rule, Score, Side, Test, Verdict};

/// Columns with plots of their own; a page of more would be slow to open.
const PLOTS_MAX: usize = 300;

/// Width and height of a plot, and the room for its marks at the bottom.
const SIZE: (f64, f64) = (720.0, 190.0);
const FOOT: f64 = 26.0;

/// Colours follow the reader's choice of light or dark, and are told apart without red and green.
const STYLE: &str = "
:root{color-scheme:light dark;--ground:#fff;--ink:#1b1f24;--soft:#5b6470;--rule:#d9dee4;--before:#2f6db0;--now:#e06c00;--wash:#fff4ea}
@media(prefers-color-scheme:dark){:root{--ground:#15181c;--ink:#e8ebee;--soft:#9aa4af;--rule:#333a42;--before:#6aa7e8;--now:#f09a4a;--wash:#2b2119}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:50rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.2rem 0 .3rem}h3{font-size:1rem;margin:2rem 0 .2rem;overflow-wrap:anywhere}p{margin:.3rem 0 .8rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:1rem 0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;width:100%}th,td{padding:.2rem .8rem .2rem 0;text-align:left;border-bottom:1px solid var(--rule);vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
tr.drifted td:first-child{border-left:4px solid var(--now);padding-left:.5rem}tr.drifted{background:var(--wash)}a{color:inherit}
.verdict{font-weight:600}.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .35em 0 .9em}.before{background:var(--before)}.now{background:var(--now)}
figure{margin:.4rem 0}svg{max-width:100%;height:auto;font:12px system-ui,sans-serif}svg text{fill:var(--soft);text-anchor:middle}svg .b{fill:var(--before);fill-opacity:.55}svg .c{fill:var(--now);fill-opacity:.55}svg .axis{stroke:var(--rule)}
ul{margin:.2rem 0 .6rem;padding-left:1.2rem}summary{cursor:pointer;color:var(--soft)}
";

impl Report {
    /// One HTML page with every plot in it: no script, no other file, dark or light.
    #[must_use]
    pub fn html(&self) -> String {
        let mut page = String::new();
        let (reference, current) = (escape(&self.tables.reference), escape(&self.tables.current));
        add(
            &mut page,
            format_args!(
                "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <title>Drift: {current}</title><style>{STYLE}</style></head><body><main>\
             <h1>{}</h1><p>{current} against {reference}.</p>",
                escape(&self.headline())
            ),
        );
        page.push_str("<dl>");
        for (name, value) in self.facts() {
            add(&mut page, format_args!("<dt>{name}</dt><dd>{}</dd>", escape(&value)));
        }
        page.push_str(
            "</dl><section><h2>Columns</h2><div class=\"wide\"><table><thead><tr><th>column</th>\
             <th>verdict</th><th>measured</th><th class=\"n\">value</th><th class=\"n\">p, corrected</th>\
             <th>data</th></tr></thead><tbody>",
        );
        for (place, column) in self.columns.iter().enumerate() {
            row(&mut page, place, column);
        }
        page.push_str("</tbody></table></div></section><section><h2>Column by column</h2><p>Shares of rows, \
            <span class=\"key before\"></span>reference and <span class=\"key now\"></span>current. The outer \
            bars hold what lies beyond.</p>");
        for (place, column) in self.columns.iter().enumerate().take(PLOTS_MAX) {
            section(&mut page, place, column);
        }
        if self.columns.len() > PLOTS_MAX {
            add(
                &mut page,
                format_args!(
                    "<p>{} columns more are in the table above.</p>",
                    self.columns.len() - PLOTS_MAX
                ),
            );
        }
        page.push_str("</section>");
        if let Some(found) = &self.multivariate {
            page.push_str(&super::wholes::html(found));
        }
        page.push_str("</main></body></html>\n");
        page
    }

    /// The same without plots, for a pull request or a chat.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        add(&mut text, format_args!("# {}\n\n", plain(&self.headline())));
        for (name, value) in self.facts() {
            add(&mut text, format_args!("- {name}: {}\n", plain(&value)));
        }
        text.push_str("\n| column | verdict | measured | value | p, corrected | data |\n|---|---|---|---:|---:|---|\n");
        for column in &self.columns {
            let (measured, value) = measured(column);
            let checks: Vec<String> =
                column.checks.iter().map(|check| plain(&check.found)).collect();
            add(
                &mut text,
                format_args!(
                    "| {} | {} | {} | {} | {} | {} |\n",
                    plain(&column.name),
                    verdict(column),
                    measured,
                    value,
                    column.p_adjusted.map(p_value).unwrap_or_default(),
                    checks.join("; ")
                ),
            );
        }
        if let Some(found) = &self.multivariate {
            text.push_str(&super::wholes::markdown(found));
        }
        text
    }

    /// The answer in one line.
    #[must_use]
    pub fn headline(&self) -> String {
        match self.judged {
            0 => "Not enough data to judge any column".to_owned(),
            judged if self.drifted_as_a_whole() => {
                format!("{} of {judged} columns drifted, and the table as a whole", self.drifted)
            }
            judged => format!("{} of {judged} columns drifted", self.drifted),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let Settings { convention, alpha, correction } = Settings {
            convention: self.settings.convention,
            alpha: self.settings.alpha,
            correction: self.settings.correction.as_str(),
        };
        let mut facts = vec![
            (
                "Reference",
                format!("{}, {} rows", self.tables.reference, self.tables.reference_rows),
            ),
            ("Current", format!("{}, {} rows", self.tables.current, self.tables.current_rows)),
            ("Convention", convention.as_str().to_owned()),
            (
                "Drift is",
                match convention {
                    Convention::Plimsoll => {
                        format!("a corrected p-value of at most {alpha} and an effect that matters")
                    }
                    Convention::Evidently => {
                        "a p-value below 0.05 or a distance from 0.1".to_owned()
                    }
                    Convention::NannyMl => {
                        "a chunk beyond mean + 3 sd of the reference's chunks".to_owned()
                    }
                },
            ),
            (
                "Correction",
                match correction {
                    "bh" => "Benjamini–Hochberg over all tests".to_owned(),
                    "by" => "Benjamini–Yekutieli over all tests".to_owned(),
                    _ => "none: with many columns some will seem to drift".to_owned(),
                },
            ),
        ];
        let duplicates = (self.tables.reference_duplicates, self.tables.current_duplicates);
        if let (Some(before), Some(now)) = duplicates {
            facts.push((
                "Repeated rows",
                format!("{before} in the reference, {now} in the current table"),
            ));
        }
        if !self.tables.new_columns.is_empty() {
            facts.push(("New columns", self.tables.new_columns.join(", ")));
        }
        if let Some(one_in) =
            self.columns.iter().map(|column| column.one_in).max().filter(|one_in| *one_in > 1)
        {
            facts.push(("Rows used", format!("one in {one_in}, evenly; checks of data count all")));
        }
        facts
    }
}

/// What a page says of the settings.
struct Settings {
    convention: Convention,
    alpha: f64,
    correction: &'static str,
}

fn row(page: &mut String, place: usize, column: &ColumnReport) {
    let (measured, value) = measured(column);
    let checks: Vec<&str> = column.checks.iter().map(|check| check.check).collect();
    add(
        page,
        format_args!(
            "<tr class=\"{}\"><td><a href=\"#c{place}\">{}</a></td><td>{}</td><td>{measured}</td>\
         <td class=\"n\">{value}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            if column.verdict == Verdict::Drifted { "drifted" } else { "" },
            escape(&column.name),
            verdict(column),
            column.p_adjusted.map(p_value).unwrap_or_default(),
            escape(&checks.join(", ").replace('_', " "))
        ),
    );
}

fn section(page: &mut String, place: usize, column: &ColumnReport) {
    add(
        page,
        format_args!(
            "<h3 id=\"c{place}\">{}</h3><p><span class=\"verdict\">{}</span>",
            escape(&column.name),
            verdict(column)
        ),
    );
    if let Some(rule) = &column.rule {
        add(page, format_args!(": {}", escape(&in_words(rule, column.chunks.as_ref()))));
    }
    page.push_str("</p>");
    if let Some(plot) = &column.plot {
        add(page, format_args!("<figure>{}</figure>", draw(place, &column.name, plot)));
    }
    if !column.checks.is_empty() {
        page.push_str("<ul>");
        for check in &column.checks {
            add(page, format_args!("<li>{}</li>", escape(&check.found)));
        }
        page.push_str("</ul>");
    }
    page.push_str("<details><summary>Numbers</summary><div class=\"wide\"><table><tbody>");
    for score in &column.scores {
        add(
            page,
            format_args!(
                "<tr><td>{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td></tr>",
                score.measure.as_str(),
                number(score.value),
                score.unit,
                score.p_value.map(|p| format!("p {}", p_value(p))).unwrap_or_default()
            ),
        );
    }
    page.push_str("</tbody></table>");
    if let (Some(before), Some(now)) = (&column.reference, &column.current) {
        sides(page, before, now);
    }
    page.push_str("</div></details>");
}

/// Both tables' facts beside each other.
fn sides(page: &mut String, before: &Side, now: &Side) {
    const NAMES: [&str; 7] =
        ["mean", "standard deviation", "least", "5 %", "median", "95 %", "greatest"];
    page.push_str("<table><thead><tr><th></th><th class=\"n\">reference</th><th class=\"n\">current</th></tr></thead><tbody>");
    let mut line = |name: &str, before: String, now: String| {
        add(
            page,
            format_args!(
                "<tr><td>{name}</td><td class=\"n\">{before}</td><td class=\"n\">{now}</td></tr>"
            ),
        );
    };
    line("rows", before.rows.to_string(), now.rows.to_string());
    line("missing", before.missing.to_string(), now.missing.to_string());
    if let (Some(before), Some(now)) = (&before.numbers, &now.numbers) {
        for ((name, before), now) in NAMES.iter().zip(before).zip(now) {
            line(name, number(*before), number(*now));
        }
    }
    if let (Some(before), Some(now)) = (before.categories, now.categories) {
        line("categories", before.to_string(), now.to_string());
    }
    page.push_str("</tbody></table>");
}

fn verdict(column: &ColumnReport) -> String {
    match column.verdict {
        Verdict::NotCompared => escape(&column.kind),
        Verdict::Drifted if !column.is_compared => format!("drifted: {}", escape(&column.kind)),
        Verdict::Drifted if missing_only(column) => "drifted: missing values".to_owned(),
        verdict => verdict.as_str().to_owned(),
    }
}

/// Whether only the missing values made it drift.
fn missing_only(column: &ColumnReport) -> bool {
    let Some(Rule::Both { evidence, effects }) = &column.rule else { return false };
    let value = |test: &Test| {
        column
            .scores
            .iter()
            .find(|score| score.measure == test.measure)
            .map_or(0.0, |score| score.value)
    };
    column.p_adjusted.is_none_or(|p| p > evidence.threshold)
        || effects.iter().all(|test| value(test) < test.threshold)
}

/// The measure that is shown beside the verdict, and its value.
fn measured(column: &ColumnReport) -> (&'static str, String) {
    let shown: Option<&Score> = match &column.rule {
        // Of the effects the larger by its threshold.
        Some(Rule::Both { effects, .. }) => {
            let scores = effects.iter().filter_map(|test| {
                let score = column.scores.iter().find(|score| score.measure == test.measure)?;
                Some((score, score.value / test.threshold))
            });
            scores.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(score, _)| score)
        }
        _ => column.scores.first(),
    };
    shown.map_or(("", String::new()), |score| (score.measure.as_str(), number(score.value)))
}

fn in_words(rule: &Rule, chunks: Option<&Chunks>) -> String {
    let of = |test: &Test| match test.measure.is_test() {
        true => format!("{} with p up to {}", test.measure.as_str(), number(test.threshold)),
        false => format!("{} from {}", test.measure.as_str(), number(test.threshold)),
    };
    match (rule, chunks) {
        (Rule::One(test), _) => format!("drift is {}", of(test)),
        (Rule::Both { evidence, effects }, _) => {
            let effects: Vec<String> = effects.iter().map(of).collect();
            format!("drift is {} and {}", of(evidence), effects.join(" or "))
        }
        (Rule::Chunks(measure), Some(chunks)) => format!(
            "{} of {} chunks have {} above {}",
            chunks.alerts(),
            chunks.current.len(),
            measure.as_str(),
            number(chunks.threshold)
        ),
        (Rule::Chunks(_), None) => "too few values for chunks".to_owned(),
    }
}

/// Bars of both tables over each other.
fn draw(place: usize, name: &str, plot: &Plot) -> String {
    let (width, height) = SIZE;
    let bottom = height - FOOT;
    let most = plot.reference.iter().chain(&plot.current).copied().fold(0.0, f64::max);
    let step = width / (plot.reference.len().max(1) as f64);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" aria-labelledby="t{place}"><title id="t{place}">Shares of {} by value, reference and current</title>"#,
        escape(name)
    );
    let labelled = !plot.labels.is_empty();
    for (index, (before, now)) in plot.reference.iter().zip(&plot.current).enumerate() {
        let x = index as f64 * step;
        // Single values stand side by side, ranges over each other.
        let bars = if labelled {
            [("b", before, x + step * 0.1, step * 0.38), ("c", now, x + step * 0.52, step * 0.38)]
        } else {
            [("b", before, x, step - 1.0), ("c", now, x, step - 1.0)]
        };
        for (class, share, x, width) in bars {
            let tall = if most > 0.0 { share / most * (bottom - 8.0) } else { 0.0 };
            let y = bottom - tall;
            add(
                &mut svg,
                format_args!(
                    r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{tall:.1}"/>"#
                ),
            );
        }
    }
    add(
        &mut svg,
        format_args!(r#"<line class="axis" x1="0" y1="{bottom}" x2="{width}" y2="{bottom}"/>"#),
    );
    let mut mark = |x: f64, anchor: &str, text: &str| {
        add(
            &mut svg,
            format_args!(
                r#"<text x="{x:.1}" y="{:.1}" style="text-anchor:{anchor}">{}</text>"#,
                height - 8.0,
                escape(text)
            ),
        );
    };
    if labelled {
        let room = 2 + crate::special::whole(step / 8.0);
        for (index, label) in plot.labels.iter().enumerate() {
            let short: String = label.chars().take(room).collect();
            mark((index as f64 + 0.5) * step, "middle", &short);
        }
    } else if let (Some(first), Some(last)) = (plot.edges.first(), plot.edges.last()) {
        mark(2.0, "start", &number(*first));
        mark(width / 2.0, "middle", &number(f64::midpoint(*first, *last)));
        mark(width - 2.0, "end", &number(*last));
    }
    svg.push_str("</svg>");
    svg
}

fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.push_str(&more.to_string());
}

/// Text that is safe inside an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

/// Text that stays in its cell and means nothing to Markdown.
pub(super) fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' => {
                safe.push('\\');
                safe.push(character);
            }
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

pub(super) fn p_value(p: f64) -> String {
    if p < 1e-4 { format!("{p:.1e}") } else { format!("{p:.4}") }
}

/// A number for people: four digits that matter.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = value.abs();
    if !(1e-4..1e7).contains(&size) {
        return format!("{value:.2e}");
    }
    let digits = match size {
        1000.0.. => 0,
        10.0.. => 2,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(escape("a<b> & \"c\"\n"), "a&lt;b&gt; &amp; &quot;c&quot; ");
        assert_eq!(plain("a|b*\n<c>"), "a\\|b\\* \\<c\\>");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 0.12345, 12.345, 12345.6, 1e-9].map(number),
            ["0", "0.1235", "12.35", "12346", "1.00e-9"]
        );
    }
}
