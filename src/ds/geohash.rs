//! Places on the earth as 52-bit numbers that order them along a curve, and the areas of the curve
//! that cover a circle or a box.
//!
//! Longitude and latitude are each scaled to a grid of 2^step cells and their bits interleaved,
//! longitude in the odd bits. Cutting two bits off leaves the number of the four times larger cell
//! around it, so a cell is a range of numbers. The latitude ends at the edge of the Mercator map.
//! Distances are those of the haversine on a sphere. The arithmetic, its order included, is that
//! of Redis, so that digits agree to the last one.

/// Bits of each coordinate in a stored number.
pub const STEP_MAX: u32 = 26;
/// Largest longitude, degrees.
pub const LONGITUDE_MAX: f64 = 180.0;
/// Largest latitude, degrees.
pub const LATITUDE_MAX: f64 = 85.051_128_78;

const EARTH_RADIUS_M: f64 = 6_372_797.560_856;
/// Half the circumference of the map, meters.
const MERCATOR_MAX_M: f64 = 20_037_726.37;
const RADIANS: f64 = std::f64::consts::PI / 180.0;

/// The bits of the latitude.
const EVEN: u64 = 0x5555_5555_5555_5555;
/// The bits of the longitude.
const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;

/// A place, degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// East is positive.
    pub longitude: f64,
    /// North is positive.
    pub latitude: f64,
}

/// A cell of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    bits: u64,
    step: u32,
}

/// What a cell covers, degrees.
#[derive(Clone, Copy, Debug)]
struct Area {
    west: f64,
    east: f64,
    south: f64,
    north: f64,
}

/// What is searched around a place; sizes in meters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Up to this distance.
    Circle(f64),
    /// A box of this width and height.
    Box(f64, f64),
}

/// The bits of a 32-bit number at the even places.
fn spread(n: u32) -> u64 {
    let mut x = u64::from(n);
    x = (x | x << 16) & 0x0000_FFFF_0000_FFFF;
    x = (x | x << 8) & 0x00FF_00FF_00FF_00FF;
    x = (x | x << 4) & 0x0F0F_0F0F_0F0F_0F0F;
    x = (x | x << 2) & 0x3333_3333_3333_3333;
    (x | x << 1) & EVEN
}

/// The bits at the even places of a number.
fn gather(n: u64) -> u32 {
    let mut x = n & EVEN;
    x = (x | x >> 1) & 0x3333_3333_3333_3333;
    x = (x | x >> 2) & 0x0F0F_0F0F_0F0F_0F0F;
    x = (x | x >> 4) & 0x00FF_00FF_00FF_00FF;
    x = (x | x >> 8) & 0x0000_FFFF_0000_FFFF;
    (x | x >> 16) as u32
}

/// The interleaved cell numbers of a place on a map that ends at `latitude_max`.
fn encode(place: Place, latitude_max: f64, step: u32) -> u64 {
    let cells = (1u64 << step) as f64;
    let latitude = (place.latitude + latitude_max) / (2.0 * latitude_max) * cells;
    let longitude = (place.longitude + LONGITUDE_MAX) / (2.0 * LONGITUDE_MAX) * cells;
    spread(latitude as u32) | spread(longitude as u32) << 1
}

impl Place {
    /// Whether the place is on the map.
    pub fn is_valid(self) -> bool {
        self.longitude.abs() <= LONGITUDE_MAX && self.latitude.abs() <= LATITUDE_MAX
    }

    /// The number that stands for the place.
    pub fn score(self) -> u64 {
        encode(self, LATITUDE_MAX, STEP_MAX)
    }

    /// The middle of the cell that a score stands for. Any score stands for some cell.
    pub fn of_score(score: f64) -> Place {
        let area = Cell { bits: to_bits(score), step: STEP_MAX }.area();
        Place {
            longitude: ((area.west + area.east) / 2.0).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: ((area.south + area.north) / 2.0).clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }

    /// Meters to another place.
    pub fn distance(self, other: Place) -> f64 {
        let v = (((other.longitude * RADIANS) - self.longitude * RADIANS) / 2.0).sin();
        if v == 0.0 {
            return latitude_distance(self.latitude, other.latitude);
        }
        let (south, north) = (self.latitude * RADIANS, other.latitude * RADIANS);
        let u = ((north - south) / 2.0).sin();
        let a = u * u + south.cos() * north.cos() * v * v;
        2.0 * EARTH_RADIUS_M * a.sqrt().asin()
    }

    /// The text that other programs know as a geohash: eleven letters over the whole globe.
    pub fn text(self) -> [u8; 11] {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = encode(self, 90.0, STEP_MAX);
        let mut text = [LETTERS[0]; 11];
        // Fifty of the 52 bits make ten letters. The eleventh has always been a zero.
        for (i, letter) in text.iter_mut().take(10).enumerate() {
            *letter = LETTERS[(bits >> (52 - (i + 1) * 5)) as usize & 31];
        }
        text
    }
}

/// A score as the bits of a cell: numbers out of range go where the hardware of most machines
/// takes them, so that foreign scores decode to the same places as in Redis.
fn to_bits(score: f64) -> u64 {
    const TOP: f64 = (1u64 << 63) as f64;
    let signed = |x: f64| if (-TOP..TOP).contains(&x) { x as i64 as u64 } else { 1 << 63 };
    if score < TOP { signed(score) } else { signed(score - TOP) ^ 1 << 63 }
}

fn latitude_distance(a: f64, b: f64) -> f64 {
    EARTH_RADIUS_M * (b * RADIANS - a * RADIANS).abs()
}

impl Cell {
    fn around(place: Place, step: u32) -> Cell {
        Cell { bits: encode(place, LATITUDE_MAX, step), step }
    }

    fn area(self) -> Area {
        let cells = (1u64 << self.step) as f64;
        let (row, column) = (gather(self.bits), gather(self.bits >> 1));
        let at = |n: u32, max: f64| -max + f64::from(n) / cells * (2.0 * max);
        Area {
            south: at(row, LATITUDE_MAX),
            north: at(row.wrapping_add(1), LATITUDE_MAX),
            west: at(column, LONGITUDE_MAX),
            east: at(column.wrapping_add(1), LONGITUDE_MAX),
        }
    }

    /// The scores of the places in the cell: from the first to below the second.
    pub fn scores(self) -> (u64, u64) {
        let shift = 52 - 2 * self.step;
        (self.bits << shift, (self.bits + 1) << shift)
    }

    /// The cell so many columns east and rows north, round the edges of the map.
    fn moved(self, east: i32, north: i32) -> Cell {
        let unused = 64 - 2 * self.step;
        let (columns, rows) = (ODD >> unused, EVEN >> unused);
        // Filling the other coordinate's bits lets a carry or borrow run across them.
        let shift = |own: u64, by: i32, mine: u64, others: u64| match by {
            1.. => own.wrapping_add(others + 1) & mine,
            0 => own,
            _ => (own | others).wrapping_sub(others + 1) & mine,
        };
        let column = shift(self.bits & ODD, east, columns, rows);
        let row = shift(self.bits & EVEN, north, rows, columns);
        Cell { bits: column | row, step: self.step }
    }
}

/// The eight cells around one, in the order they are searched: columns east, rows north.
const AROUND: [(i32, i32); 8] =
    [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

impl Shape {
    /// Meters from the middle to another place, if the place lies within.
    pub fn reach(self, middle: Place, place: Place) -> Option<f64> {
        match self {
            Shape::Circle(radius) => Some(middle.distance(place)).filter(|d| *d <= radius),
            Shape::Box(width, height) => {
                if latitude_distance(place.latitude, middle.latitude) > height / 2.0 {
                    return None;
                }
                let across = Place { latitude: place.latitude, ..middle };
                if place.distance(across) > width / 2.0 {
                    return None;
                }
                Some(middle.distance(place))
            }
        }
    }

    /// The edges of the shape, a little generous.
    fn bounds(self, middle: Place) -> Area {
        let (width, height) = match self {
            Shape::Circle(radius) => (radius, radius),
            Shape::Box(width, height) => (width / 2.0, height / 2.0),
        };
        let Place { longitude, latitude } = middle;
        let up = height / EARTH_RADIUS_M / RADIANS;
        let across = |latitude: f64| width / EARTH_RADIUS_M / (latitude * RADIANS).cos() / RADIANS;
        // A degree of longitude is shortest at the edge that is nearer to a pole.
        let across = if latitude < 0.0 { across(latitude - up) } else { across(latitude + up) };
        Area {
            west: longitude - across,
            east: longitude + across,
            south: latitude - up,
            north: latitude + up,
        }
    }

    /// The cells that cover the shape, in the order they are to be searched.
    pub fn cells(self, middle: Place) -> Vec<Cell> {
        let radius = match self {
            Shape::Circle(radius) => radius,
            Shape::Box(width, height) => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        };
        let bounds = self.bounds(middle);
        let mut step = step_for(radius, middle.latitude);
        if step > 1 && !is_covered(Cell::around(middle, step), &bounds) {
            step -= 1;
        }
        let home = Cell::around(middle, step);
        let area = home.area();
        let useful = |(east, north): (i32, i32)| {
            step < 2
                || !((north < 0 && area.south < bounds.south)
                    || (north > 0 && area.north > bounds.north)
                    || (east < 0 && area.west < bounds.west)
                    || (east > 0 && area.east > bounds.east))
        };
        let mut cells = vec![home];
        for by in AROUND.into_iter().filter(|by| useful(*by)) {
            let cell = home.moved(by.0, by.1);
            // Where cells are huge, neighbours in a row can be one and the same. The home cell is
            // not compared: Redis searches it twice, and so finds its places twice.
            if cells.len() == 1 || cells.last() != Some(&cell) {
                cells.push(cell);
            }
        }
        cells
    }
}

/// Whether the cells around one reach as far as the bounds do.
fn is_covered(home: Cell, bounds: &Area) -> bool {
    home.moved(0, 1).area().north >= bounds.north
        && home.moved(0, -1).area().south <= bounds.south
        && home.moved(1, 0).area().east >= bounds.east
        && home.moved(-1, 0).area().west <= bounds.west
}

/// The step at which a cell and those around it cover so many meters, for most places.
fn step_for(radius_m: f64, latitude: f64) -> u32 {
    if radius_m == 0.0 {
        return STEP_MAX;
    }
    let mut step: i32 = 1;
    let mut reach = radius_m;
    while reach < MERCATOR_MAX_M {
        reach *= 2.0;
        step += 1;
    }
    step -= 2;
    // Towards the poles cells become narrow.
    if latitude.abs() > 66.0 {
        step -= 1;
        if latitude.abs() > 80.0 {
            step -= 1;
        }
    }
    step.clamp(1, STEP_MAX as i32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const PALERMO: Place = Place { longitude: 13.361_389, latitude: 38.115_556 };
    const CATANIA: Place = Place { longitude: 15.087_269, latitude: 37.502_669 };

    #[test]
    fn known_numbers() {
        assert_eq!(PALERMO.score(), 3_479_099_956_230_698);
        assert_eq!(CATANIA.score(), 3_479_447_370_796_909);
        let [a, b] = [PALERMO, CATANIA].map(|place| Place::of_score(place.score() as f64));
        assert_eq!(format!("{:.4}", a.distance(b)), "166274.1516");
        assert_eq!((&a.text(), &b.text()), (b"sqc8b49rny0", b"sqdtr74hyu0"));
    }

    #[test]
    fn interleaving_is_undone() {
        for n in [0, 1, 2, 0x8000_0000, 0xDEAD_BEEF, u32::MAX] {
            let naive = (0..32).fold(0, |sum, bit| sum | u64::from(n >> bit & 1) << (2 * bit));
            assert_eq!(spread(n), naive);
            assert_eq!(gather(naive | naive << 1), n);
        }
    }

    #[test]
    fn cells_move_round_the_edges() {
        for step in [1, 2, 5, 26] {
            let home = Cell::around(PALERMO, step);
            for (east, north) in AROUND {
                let there = home.moved(east, north);
                assert_eq!(there.moved(-east, -north), home, "there and back");
                assert!(there.bits < 1 << (2 * step));
            }
            let round = (0..1u64 << step.min(5)).fold(home, |cell, _| cell.moved(1, 0));
            assert_eq!(round == home, step <= 5, "once round the earth");
        }
    }

    #[test]
    fn cells_cover_their_shape() {
        let mut seed = 7u64;
        let mut draw = |max: f64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888);
            ((seed >> 33) as f64 / (1u64 << 31) as f64 * 2.0 - 1.0) * max
        };
        for _ in 0..2000 {
            let middle = Place { longitude: draw(170.0), latitude: draw(75.0) };
            let size = 10f64.powf(draw(1.5) + 3.5);
            for shape in [Shape::Circle(size), Shape::Box(size, size / 3.0)] {
                let degrees = size / EARTH_RADIUS_M / RADIANS;
                let place = Place {
                    longitude: middle.longitude + draw(1.5 * degrees),
                    latitude: middle.latitude + draw(degrees),
                };
                if !place.is_valid() || shape.reach(middle, place).is_none() {
                    continue;
                }
                let score = place.score();
                let within = |cell: &Cell| {
                    let (first, end) = cell.scores();
                    (first..end).contains(&score)
                };
                assert!(shape.cells(middle).iter().any(within), "{middle:?} {shape:?} {place:?}");
            }
        }
    }

    #[test]
    fn foreign_scores_become_bits_as_the_hardware_does_it() {
        for (score, bits) in [
            (5.9, 5),
            (-1.0, u64::MAX),
            (9_223_372_036_854_775_808.0, 1 << 63),
            (f64::INFINITY, 0),
            (f64::NEG_INFINITY, 1 << 63),
            (1e300, 0),
        ] {
            assert_eq!(to_bits(score), bits, "{score}");
        }
    }
}
