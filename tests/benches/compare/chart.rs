//! The chart: a bar for the median of each login of each contender, on a logarithmic scale, with a line to
//! the 99th percentile.

use std::fmt::Write;

use crate::contender::{Measured, format};

const WIDTH: f64 = 820.0;
/// The left end of the bars, and the place that they leave for their labels.
const LEFT: f64 = 300.0;
const RIGHT: f64 = 70.0;
const TOP: f64 = 64.0;
const BAR: f64 = 15.0;
const GAP: f64 = 14.0;

/// The colours follow the scheme of the reader, on a ground of their own.
const STYLE: &str = "<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 14px; font-weight: 600 }
.ground { fill: #ffffff }
.grid { stroke: #d1d9e0 }
.tail { stroke: #59636e }
.login-0 { fill: #0969da } .login-1 { fill: #bc4c00 } .login-2 { fill: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.ground { fill: #0d1117 }
.grid { stroke: #3d444d }
.tail { stroke: #9198a1 }
.login-0 { fill: #4493f8 } .login-1 { fill: #f0883e } .login-2 { fill: #ab7df8 }
}
</style>
";

/// The decades that all times are within.
struct Scale {
    first: i32,
    last: i32,
}

impl Scale {
    fn of(contenders: &[Measured]) -> Self {
        let times = || contenders.iter().flat_map(|it| &it.logins).map(|(_, times)| times);
        let least = times().map(|it| it.p50_us).fold(f64::INFINITY, f64::min);
        let most = times().map(|it| it.p99_us).fold(0.0, f64::max);
        #[allow(clippy::cast_possible_truncation, reason = "few decades")]
        let decade = |us: f64| us.max(0.001).log10() as i32;
        Self { first: decade(least) - i32::from(least < 1.0), last: decade(most) + 1 }
    }

    /// Returns the place of a time.
    fn x(&self, us: f64) -> f64 {
        let share = (us.log10() - f64::from(self.first)) / f64::from(self.last - self.first);
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }
}

/// Draws the chart as a file of its own.
pub(crate) fn draw(contenders: &[Measured]) -> String {
    let scale = Scale::of(contenders);
    let group = |contender: &Measured| BAR * contender.logins.iter().map(|_| 1.0).sum::<f64>() + GAP;
    let bottom = TOP + contenders.iter().map(group).sum::<f64>();
    let height = bottom + 24.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <title>Time of a login by contender, median and 99th percentile</title>\n{STYLE}\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"12\" y=\"22\">Time of one login (logarithmic scale)</text>\n"
    );
    draw_legend(&mut svg, contenders);
    draw_grid(&mut svg, &scale, bottom);
    let mut y = TOP;
    for contender in contenders {
        draw_contender(&mut svg, contender, &scale, y);
        y += group(contender);
    }
    svg + "</svg>\n"
}

/// Appends an element. Writing to a text does not fail.
fn add(svg: &mut String, element: std::fmt::Arguments) {
    let _ = writeln!(svg, "{element}");
}

fn draw_legend(svg: &mut String, contenders: &[Measured]) {
    let mut x = 12.0;
    for (n, (login, _)) in contenders.iter().flat_map(|it| it.logins.iter().enumerate()).take(3) {
        add(svg, format_args!("<rect class=\"login-{n}\" x=\"{x}\" y=\"34\" width=\"12\" height=\"12\"/>"));
        add(svg, format_args!("<text x=\"{}\" y=\"44\">{login}</text>", x + 18.0));
        x += 130.0;
    }
    add(svg, format_args!("<line class=\"tail\" x1=\"{x}\" x2=\"{}\" y1=\"40\" y2=\"40\"/>", x + 20.0));
    add(svg, format_args!("<text x=\"{}\" y=\"44\">to the 99th percentile</text>", x + 26.0));
}

fn draw_grid(svg: &mut String, scale: &Scale, bottom: f64) {
    for decade in scale.first..=scale.last {
        let us = 10_f64.powi(decade);
        let (x, top) = (scale.x(us), TOP - 6.0);
        add(
            svg,
            format_args!("<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>"),
        );
        let label = match decade {
            ..0 => format!("{us} µs"),
            0..3 => format!("{us:.0} µs"),
            3..6 => format!("{:.0} ms", us / 1e3),
            _ => format!("{:.0} s", us / 1e6),
        };
        let y = bottom + 16.0;
        add(svg, format_args!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>"));
    }
}

fn draw_contender(svg: &mut String, contender: &Measured, scale: &Scale, top: f64) {
    let name = contender.name.replace('`', "");
    for (line, place) in break_name(&name).iter().zip([19.0, 35.0]) {
        add(svg, format_args!("<text x=\"12\" y=\"{}\">{line}</text>", top + place));
    }
    let mut y = top;
    for (n, (_, times)) in contender.logins.iter().enumerate() {
        let (end, tail) = (scale.x(times.p50_us), scale.x(times.p99_us));
        let (width, height, middle) = (end - LEFT, BAR - 1.0, y + BAR / 2.0 - 0.5);
        add(
            svg,
            format_args!(
                "<rect class=\"login-{n}\" x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\"/>"
            ),
        );
        add(
            svg,
            format_args!(
                "<line class=\"tail\" x1=\"{end:.1}\" x2=\"{tail:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>"
            ),
        );
        let label = format(times.p50_us);
        add(svg, format_args!("<text x=\"{:.1}\" y=\"{}\">{label}</text>", tail + 5.0, middle + 4.0));
        y += BAR;
    }
}

/// Breaks a name into two lines, at a comma near its middle.
fn break_name(name: &str) -> Vec<&str> {
    const LENGTH: usize = 40;
    let breaks = name.match_indices(", ").map(|(place, _)| place + 1);
    match breaks.filter(|place| *place <= LENGTH).last() {
        Some(place) if name.len() > LENGTH => vec![&name[..place], name[place..].trim_start()],
        _ => vec![name],
    }
}
