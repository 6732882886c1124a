//! Plots as inline SVG: no script, no font, colours from the page's style.
//!
//! Every plot is an image with a title and a description for those who do not see it. This file
//! must not know models.

use super::FeatureReport;

/// Width of a plot's view box, and of the room for names at its left.
const WIDTH: f64 = 720.0;
const NAMES: f64 = 190.0;
/// Height of a feature's band.
const BAND: f64 = 26.0;
/// Colours of a scale from low to high values.
const SHADES: usize = 9;
/// Width and height of one of the small plots.
const SMALL: (f64, f64) = (340.0, 200.0);
const MARGIN: f64 = 44.0;

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

/// A number for people: four digits that matter.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = value.abs();
    if !(1e-4..1e6).contains(&size) {
        return format!("{value:.2e}");
    }
    let digits: usize = if size >= 1000.0 {
        0
    } else if size >= 10.0 {
        1
    } else if size >= 0.1 {
        3
    } else {
        5
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// From values to places on a line.
#[derive(Clone, Copy)]
struct Scale {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let ends = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
            (f64::min(least, value), f64::max(most, value))
        });
        let (least, most) = match ends {
            (least, most) if least < most => (least, most),
            (least, _) if least.is_finite() => (least - 0.5, least + 0.5),
            _ => (0.0, 1.0),
        };
        Self { least, most, from, to }
    }
    fn place(&self, value: f64) -> f64 {
        self.from + (value - self.least) / (self.most - self.least) * (self.to - self.from)
    }
    /// Round values to mark, about four.
    fn marks(&self) -> Vec<f64> {
        let rough = (self.most - self.least) / 4.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|part| part * power);
        let step = step.into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let mut marks = Vec::new();
        let mut mark = (self.least / step).ceil() * step;
        while mark <= self.most && marks.len() < 12 {
            // A mark near zero is zero.
            marks.push(if mark.abs() < step / 1e6 { 0.0 } else { mark });
            mark += step;
        }
        marks
    }
}

/// Opens an image of this size.
fn open(svg: &mut String, (width, height): (f64, f64), id: &str, title: &str, description: &str) {
    let (title, description) = (escape(title), escape(description));
    svg.push_str(&format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{title}</title><desc id="{id}-d">{description}</desc>"#
    ));
}

fn text(svg: &mut String, (x, y): (f64, f64), class: &str, content: &str) {
    let content = escape(content);
    svg.push_str(&format!(r#"<text x="{x:.1}" y="{y:.1}" class="{class}">{content}</text>"#));
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), class: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    svg.push_str(&format!(
        r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#
    ));
}

/// A name that fits its room.
fn short(name: &str) -> String {
    const LONGEST: usize = 26;
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    name.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// The place of the band with this number, counted from the top.
#[expect(clippy::cast_precision_loss, reason = "a plot has few bands")]
fn band(index: usize) -> f64 {
    10.0 + index as f64 * BAND
}

/// Bars, the longest first.
pub(super) fn bars(id: &str, title: &str, description: &str, bars: &[(String, f64)]) -> String {
    let mut svg = String::new();
    let height = band(bars.len()) + 10.0;
    open(&mut svg, (WIDTH, height), id, title, description);
    let longest = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    for (index, (name, value)) in bars.iter().enumerate() {
        let y = band(index);
        let length = if longest > 0.0 { value / longest * (WIDTH - NAMES - 90.0) } else { 0.0 };
        text(&mut svg, (NAMES - 8.0, y + 17.0), "name", &short(name));
        svg.push_str(&format!(
            r#"<rect x="{NAMES}" y="{:.1}" width="{:.1}" height="16" rx="2" class="bar"/>"#,
            y + 4.0,
            length.max(1.0)
        ));
        text(&mut svg, (NAMES + length + 6.0, y + 17.0), "value", &number(*value));
    }
    svg.push_str("</svg>");
    svg
}

/// Contributions of every sampled row, one band per feature, coloured by the feature's value.
pub(super) fn beeswarm(id: &str, features: &[FeatureReport]) -> String {
    let mut svg = String::new();
    let height = band(features.len()) + 44.0;
    let description = "Each dot is a row: its place is the contribution to the margin, its colour \
                       the value of the feature from low to high; missing values are grey.";
    open(&mut svg, (WIDTH, height), id, "Contributions of the sampled rows", description);
    let all = features.iter().flat_map(|feature| feature.points.iter().map(|point| point.1));
    let scale = Scale::over(all.chain([0.0]), NAMES + 8.0, WIDTH - 12.0);
    let bottom = band(features.len());
    for mark in scale.marks() {
        let x = scale.place(mark);
        line(&mut svg, (x, 6.0), (x, bottom), if mark == 0.0 { "zero" } else { "grid" });
        text(&mut svg, (x, bottom + 18.0), "mark", &number(mark));
    }
    text(
        &mut svg,
        (f64::midpoint(NAMES, WIDTH), bottom + 36.0),
        "mark",
        "contribution to the margin",
    );
    for (index, feature) in features.iter().enumerate() {
        let middle = band(index) + BAND / 2.0;
        text(&mut svg, (NAMES - 8.0, middle + 4.0), "name", &short(&feature.name));
        swarm(&mut svg, feature, middle, &scale);
    }
    svg.push_str("</svg>");
    svg
}

/// Dots of one feature, spread so that dense places look dense.
fn swarm(svg: &mut String, feature: &FeatureReport, middle: f64, scale: &Scale) {
    /// Dots that share a column of this width are stacked.
    const COLUMN: f64 = 4.0;
    const DOTS: usize = 400;
    let shades = Shades::of(feature);
    let mut stacked = std::collections::BTreeMap::new();
    let mut dots = vec![String::new(); SHADES + 1];
    let step = feature.points.len().div_ceil(DOTS).max(1);
    for (value, contribution) in feature.points.iter().step_by(step) {
        let x = scale.place(*contribution);
        #[expect(clippy::cast_possible_truncation, reason = "a place on the plot is below 720")]
        let column = (x / COLUMN) as i32;
        let height: &mut u16 = stacked.entry(column).or_default();
        // Above and below in turn; what is too dense is drawn over.
        let offset = f64::from((*height).div_ceil(2).min(6)) * 1.8;
        let y = if height.is_multiple_of(2) { middle - offset } else { middle + offset };
        *height = height.saturating_add(1);
        if let Some(dots) = dots.get_mut(shades.of_value(*value)) {
            dots.push_str(&format!("M{x:.1} {y:.1}h0"));
        }
    }
    for (shade, dots) in dots.iter().enumerate().filter(|(_, dots)| !dots.is_empty()) {
        svg.push_str(&format!(r#"<path class="dot s{shade}" d="{dots}"/>"#));
    }
}

/// Shades by the rank of a value, so that one outlier does not make all others look alike.
struct Shades(Vec<f64>);

impl Shades {
    fn of(feature: &FeatureReport) -> Self {
        let mut known: Vec<f64> =
            feature.points.iter().map(|point| point.0).filter(|value| !value.is_nan()).collect();
        known.sort_by(f64::total_cmp);
        known.dedup();
        Self(known)
    }
    /// The shade of a value; the last for a missing one.
    fn of_value(&self, value: f64) -> usize {
        if value.is_nan() {
            return SHADES;
        }
        let rank = self.0.partition_point(|known| *known < value);
        (rank * SHADES / self.0.len().max(1)).min(SHADES - 1)
    }
}

/// Axes of a small plot with marks.
fn axes(svg: &mut String, x: &Scale, y: &Scale, name: &str) {
    let (width, height) = SMALL;
    for mark in y.marks() {
        let place = y.place(mark);
        line(svg, (MARGIN, place), (width - 8.0, place), if mark == 0.0 { "zero" } else { "grid" });
        text(svg, (MARGIN - 5.0, place + 4.0), "side", &number(mark));
    }
    for mark in x.marks() {
        text(svg, (x.place(mark), height - 22.0), "mark", &number(mark));
    }
    text(svg, (f64::midpoint(MARGIN, width), height - 6.0), "mark", &short(name));
}

/// A feature's contribution against its value.
pub(super) fn dependence(id: &str, feature: &FeatureReport) -> String {
    let mut svg = String::new();
    let title = format!("Contribution of {} by its value", feature.name);
    open(
        &mut svg,
        SMALL,
        id,
        &title,
        "Each dot is a sampled row; rows without a value are left out.",
    );
    let known = || feature.points.iter().filter(|point| !point.0.is_nan());
    let x = Scale::over(known().map(|point| point.0), MARGIN + 6.0, SMALL.0 - 14.0);
    let y = Scale::over(known().map(|point| point.1).chain([0.0]), SMALL.1 - 42.0, 12.0);
    axes(&mut svg, &x, &y, &feature.name);
    svg.push_str(r#"<path class="dot plain" d=""#);
    for (value, contribution) in known() {
        svg.push_str(&format!("M{:.1} {:.1}h0", x.place(*value), y.place(*contribution)));
    }
    svg.push_str(r#""/></svg>"#);
    svg
}

/// Mean margin, and that of single rows, over the values of a feature.
pub(super) fn partial(id: &str, feature: &FeatureReport) -> String {
    let mut svg = String::new();
    let title = format!("Margin if every row had this {}", feature.name);
    let description = "The thick line is the mean over the sample, thin lines are single rows.";
    open(&mut svg, SMALL, id, &title, description);
    let values = || feature.dependence.iter().map(|point| point.0);
    let x = Scale::over(values(), MARGIN + 6.0, SMALL.0 - 14.0);
    let single = feature.single_rows.iter().flatten().copied();
    let all = feature.dependence.iter().map(|point| point.1).chain(single);
    let y = Scale::over(all, SMALL.1 - 42.0, 12.0);
    axes(&mut svg, &x, &y, &feature.name);
    for row in &feature.single_rows {
        curve(&mut svg, values().zip(row.iter().copied()), &x, &y, "ice");
    }
    curve(&mut svg, values().zip(feature.dependence.iter().map(|point| point.1)), &x, &y, "pdp");
    svg.push_str("</svg>");
    svg
}

fn curve(
    svg: &mut String,
    points: impl Iterator<Item = (f64, f64)>,
    x: &Scale,
    y: &Scale,
    class: &str,
) {
    svg.push_str(&format!(r#"<polyline class="{class}" points=""#));
    for (value, margin) in points {
        svg.push_str(&format!("{:.1},{:.1} ", x.place(value), y.place(margin)));
    }
    svg.push_str(r#""/>"#);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(escape("a<b> & \"c\"\n"), "a&lt;b&gt; &amp; &quot;c&quot; ");
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 1.0, -0.25, 1234.5, 0.000_012, 0.012_34, 12.34, 2e9].map(number);
        assert_eq!(shown, ["0", "1", "-0.25", "1234", "1.20e-5", "0.01234", "12.3", "2.00e9"]);
    }

    #[test]
    fn marks_are_round_and_few() {
        let scale = Scale::over([-0.31, 0.87].into_iter(), 0.0, 100.0);
        assert_eq!(scale.marks(), [0.0, 0.5]);
        let none = Scale::over(std::iter::empty(), 0.0, 1.0);
        assert!(!none.marks().is_empty());
        let one = Scale::over([3.0].into_iter(), 0.0, 1.0);
        assert_eq!(one.place(3.0), 0.5);
    }
}
