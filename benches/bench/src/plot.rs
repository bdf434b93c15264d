//! Line charts as SVG, both axes logarithmic.

use std::fmt::Write as _;

/// A chart.
pub(crate) struct Plot {
    pub(crate) title: &'static str,
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// One server's line: its name, and its points from left to right.
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
/// Colours that people with any sight tell apart (Okabe and Ito).
const COLOURS: [&str; 8] = ["#0072b2", "#d55e00", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#7f6000", "#555555"];

/// Where a number lies between two powers of ten, from 0 to 1.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let (low, high) = numbers
            .map(f64::log10)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| (low.min(number), high.max(number)));
        Self { low: low.floor(), high: (high.ceil()).max(low.floor() + 1.0) }
    }

    fn place(&self, number: f64) -> f64 {
        (number.log10() - self.low) / (self.high - self.low)
    }

    #[allow(clippy::cast_possible_truncation)]
    fn ticks(&self) -> impl Iterator<Item = f64> + use<> {
        (self.low as i32..=self.high as i32).map(|power| 10_f64.powi(power))
    }
}

impl Plot {
    /// The chart as an SVG document that reads on light and on dark pages.
    pub(crate) fn to_svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        let x_axis = Axis::of(points().map(|(x, _)| x));
        let y_axis = Axis::of(points().map(|(_, y)| y));
        let x_of = |x: f64| LEFT + x_axis.place(x) * (WIDTH - LEFT - RIGHT);
        let y_of = |y: f64| HEIGHT - BOTTOM - y_axis.place(y) * (HEIGHT - TOP - BOTTOM);

        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{title}</text>\n",
            title = self.title
        );
        let mut add = |text: std::fmt::Arguments<'_>| {
            // Writing to a `String` cannot fail.
            let _ = svg.write_fmt(text);
        };
        for tick in x_axis.ticks() {
            let x = x_of(tick);
            add(format_args!("<path d=\"M{x:.1} {TOP}V{:.1}\" stroke=\"#ddd\"/>\n", HEIGHT - BOTTOM));
            add(format_args!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                HEIGHT - BOTTOM + 18.0,
                number(tick)
            ));
        }
        for tick in y_axis.ticks() {
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
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
            f64::midpoint(LEFT, WIDTH - RIGHT),
            HEIGHT - 14.0,
            self.x
        ));
        add(format_args!(
            "<text transform=\"translate(16 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
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
                labels.push((y_of(y) + 4.0, &line.name, colour));
            }
        }
        // Names that would lie on one another move apart.
        labels.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut below = f64::NEG_INFINITY;
        for (y, name, colour) in labels {
            let y = y.max(below + 14.0);
            below = y;
            add(format_args!(
                "<text x=\"{:.1}\" y=\"{y:.1}\" fill=\"{colour}\">{name}</text>\n",
                WIDTH - RIGHT + 8.0
            ));
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Thousands as people read them.
fn number(number: f64) -> String {
    match number {
        number if number >= 1e6 => format!("{}M", number / 1e6),
        number if number >= 1e3 => format!("{}k", number / 1e3),
        number => format!("{number}"),
    }
}
