//! Line charts as SVG, both axes logarithmic.

use std::fmt::Write as _;

/// A chart.
pub(crate) struct Plot {
    pub(crate) title: &'static str,
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// One line of a chart: its label, and its points from left to right.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 55.0;
/// Colours that remain distinguishable with colour blindness (Okabe and Ito).
const COLOURS: [&str; 8] = ["#0072b2", "#d55e00", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#7f6000", "#555555"];

/// Decimal logarithms of the least and the greatest number of an axis.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// Returns ticks for the numbers, at 1, 2 and 5 times the powers of ten, or only at the powers of ten if those would
    /// be more than eight. They span at least a factor of three, so that noise does not look like a slope.
    fn round_ticks(numbers: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
        let low = numbers.clone().fold(f64::INFINITY, f64::min);
        let high = numbers.fold(0.0, f64::max).max(low * 3.0);
        let powers = -3..9;
        let all = |digits: &'static [f64]| {
            let ticks: Vec<_> =
                powers.clone().flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power))).collect();
            let first = ticks.iter().rposition(|&tick| tick <= low).unwrap_or(0);
            let last = ticks.iter().position(|&tick| tick >= high).unwrap_or(ticks.len() - 1);
            ticks[first..=last].to_vec()
        };
        let ticks = all(&[1.0, 2.0, 5.0]);
        if ticks.len() > 8 { all(&[1.0]) } else { ticks }
    }

    fn of(ticks: &[f64]) -> Self {
        let low = ticks.iter().copied().fold(f64::INFINITY, f64::min).log10();
        let high = ticks.iter().copied().fold(0.0, f64::max).log10();
        Self { low, high: if high > low { high } else { low + 1.0 } }
    }

    fn place(&self, number: f64) -> f64 {
        (number.log10() - self.low) / (self.high - self.low)
    }
}

impl Plot {
    /// Renders the chart as an SVG document that is legible on light and dark pages.
    pub(crate) fn to_svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        // The x axis has a tick for each measured value, and the y axis has ticks at round numbers.
        let mut x_ticks: Vec<_> = points().map(|(x, _)| x).collect();
        x_ticks.sort_by(f64::total_cmp);
        x_ticks.dedup();
        let y_ticks = Axis::round_ticks(points().map(|(_, y)| y));
        let (x_axis, y_axis) = (Axis::of(&x_ticks), Axis::of(&y_ticks));
        let x_of = |x: f64| LEFT + x_axis.place(x) * (WIDTH - LEFT - RIGHT);
        let y_of = |y: f64| HEIGHT - BOTTOM - y_axis.place(y) * (HEIGHT - TOP - BOTTOM);

        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\" fill=\"#222\">\n<title>{title}</title>\n<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#fff\"/>\n\
             <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{title}</text>\n",
            title = self.title
        );
        let mut add = |text: std::fmt::Arguments<'_>| {
            svg.write_fmt(text).expect("writing to a String cannot fail");
        };
        for tick in x_ticks {
            let x = x_of(tick);
            add(format_args!("<path d=\"M{x:.1} {TOP}V{:.1}\" stroke=\"#ddd\"/>\n", HEIGHT - BOTTOM));
            add(format_args!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                HEIGHT - BOTTOM + 18.0,
                number(tick)
            ));
        }
        for tick in y_ticks {
            let y = y_of(tick);
            add(format_args!("<path d=\"M{LEFT} {y:.1}H{:.1}\" stroke=\"#ddd\"/>\n", WIDTH - RIGHT));
            add(format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                LEFT - 6.0,
                y + 4.0,
                number(tick)
            ));
        }
        add(format_args!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{} (logarithmic)</text>\n",
            f64::midpoint(LEFT, WIDTH - RIGHT),
            HEIGHT - 14.0,
            self.x
        ));
        add(format_args!(
            "<text transform=\"translate(16 {:.1}) rotate(-90)\" text-anchor=\"middle\">{} (logarithmic)</text>\n",
            f64::midpoint(TOP, HEIGHT - BOTTOM),
            self.y
        ));
        let mut labels: Vec<(f64, &str, &str)> = Vec::new();
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let path: Vec<_> = line.points.iter().map(|&(x, y)| format!("{:.1} {:.1}", x_of(x), y_of(y))).collect();
            add(format_args!(
                "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n",
                path.join("L")
            ));
            for &(x, y) in &line.points {
                add(format_args!(
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>\n",
                    x_of(x),
                    y_of(y)
                ));
            }
            if let Some(&(_, y)) = line.points.last() {
                labels.push((y_of(y), &line.name, colour));
            }
        }
        // Moves labels down that would overlap, and marks each with a dot in the colour of its line.
        labels.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut below = f64::NEG_INFINITY;
        for (y, name, colour) in labels {
            let y = y.max(below + 14.0);
            below = y;
            add(format_args!(
                "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\">{name}</text>\n",
                WIDTH - RIGHT + 16.0,
                WIDTH - RIGHT + 25.0,
                y + 4.0
            ));
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Formats a number with a `k` or `M` suffix.
fn number(number: f64) -> String {
    match number {
        number if number >= 1e6 => format!("{}M", number / 1e6),
        number if number >= 1e3 => format!("{}k", number / 1e3),
        number => format!("{number}"),
    }
}
