//! Made-up residents: two record sets of known overlap, to try things out with.
//!
//! The story is that of student aid without application: one province's education department has
//! its students, another province's civil affairs department the list of those in hardship, and some
//! of the students stand on the list.
//!
//! Nobody in it is real. Every resident ID is well formed under GB 11643 and has the county code 99,
//! which is not assigned. The same seed and plan give the same rows on every machine. IDs are
//! distinct by construction, however many there are, and rows are made one at a time.

mod calendar;
pub mod dirt;
pub mod lists;
mod names;
mod number;
mod shuffle;

use sha2::{Digest, Sha256};

pub(crate) use calendar::Day;
pub use dirt::{Dirt, Share};
use dirt::{DirtyRows, Parts};
pub use lists::{LIST_COLUMNS, ListPlan, ResidentLists};
pub use number::check_character;
use number::{CITIES, SEQUENCES, resident_number};
use shuffle::Shuffle;

/// The columns of the students' rows.
pub const STUDENT_COLUMNS: [&str; 5] = ["student_no", "id_no", "name", "school_code", "grade"];

/// The columns of the hardship list's rows.
pub const HARDSHIP_COLUMNS: [&str; 6] = ["id_no", "name", "category", "cert_no", "valid_from", "valid_to"];

/// Why somebody is on the hardship list.
pub const CATEGORIES: [&str; 6] = ["低保", "特困", "低保边缘", "孤儿", "事实无人抚养", "残疾"];

/// A province or municipality of the Yangtze River Delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Province {
    /// 上海.
    Shanghai,
    /// 江苏.
    Jiangsu,
    /// 浙江.
    Zhejiang,
    /// 安徽.
    Anhui,
}

impl Province {
    /// All four, in the order of their codes.
    pub const ALL: [Self; 4] = [Self::Shanghai, Self::Jiangsu, Self::Zhejiang, Self::Anhui];

    /// The first two digits of region codes (GB/T 2260).
    #[must_use]
    pub fn code(self) -> u64 {
        match self {
            Self::Shanghai => 31,
            Self::Jiangsu => 32,
            Self::Zhejiang => 33,
            Self::Anhui => 34,
        }
    }
}

/// What two populations look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PopulationPlan {
    /// Rows of the student list.
    pub students: u64,
    /// Rows of the hardship list.
    pub hardship: u64,
    /// Residents that are on both.
    pub shared: u64,
    /// Where the students go to school.
    pub study: Province,
    /// Whose hardship list it is; everybody on it has an ID of that province.
    pub home: Province,
}

/// A plan that cannot be carried out.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PopulationError {
    /// More residents on both lists than on one of them.
    #[error("{shared} residents cannot be on both of two lists of {students} and {hardship}")]
    Overlap {
        /// Residents on both.
        shared: u64,
        /// Students.
        students: u64,
        /// Residents on the hardship list.
        hardship: u64,
    },
    /// The same of plain lists.
    #[error("{shared} residents cannot be on both of two lists of {receiver} and {sender}")]
    ListOverlap {
        /// Residents on both.
        shared: u64,
        /// Rows of the receiver's list.
        receiver: u64,
        /// Rows of the sender's list.
        sender: u64,
    },
    /// More rows than there are resident IDs to give out.
    #[error("at most {most} residents can be made up, both lists together; {asked} are too many")]
    TooMany {
        /// Rows of both lists.
        asked: u64,
        /// How many there can be.
        most: u64,
    },
}

/// First day of the oldest, and the day after the last day of the youngest pupils' birth dates: twelve
/// school years, each from September to August.
const PUPILS: [Day; 2] = [Day::first_of(2007, 9), Day::first_of(2019, 9)];

/// The same of adults.
const ADULTS: [Day; 2] = [Day::first_of(1940, 1), Day::first_of(2006, 1)];

/// Resident IDs that one province has for pupils, and the most rows of both lists together.
pub const MAX_RESIDENTS: u64 = ids_in(PUPILS);

/// Resident IDs that one province has for births from the first of `days` to before the second.
const fn ids_in(days: [Day; 2]) -> u64 {
    let [first, end] = days;
    (end.0 - first.0).unsigned_abs() * SEQUENCES * CITIES
}

/// Two populations: the students of one province and the hardship list of another.
#[derive(Clone, Debug)]
pub struct Populations {
    plan: PopulationPlan,
    seed: [u8; 32],
    pupil_ids: Shuffle,
    adult_ids: Shuffle,
    student_order: Shuffle,
    hardship_order: Shuffle,
    dirt: Option<[DirtyRows; 2]>,
}

/// Somebody who is on a list.
#[derive(Clone, Copy)]
enum Resident {
    /// The pupil of this number; the numbers below the plan's `shared` are on both lists.
    Pupil(u64),
    /// The adult of this number.
    Adult(u64),
}

/// A seed from a number, for those that are typed in.
#[must_use]
pub fn seed_from_number(number: u64) -> [u8; 32] {
    derive(&[0; 32], "number", number)
}

impl Populations {
    /// The populations that `seed` and `plan` give.
    ///
    /// # Errors
    /// [`PopulationError`] for a plan that cannot be carried out.
    pub fn new(seed: [u8; 32], plan: PopulationPlan) -> Result<Self, PopulationError> {
        let PopulationPlan { students, hardship, shared, .. } = plan;
        if shared > students.min(hardship) {
            return Err(PopulationError::Overlap { shared, students, hardship });
        }
        let total = students.saturating_add(hardship);
        if total > MAX_RESIDENTS {
            return Err(PopulationError::TooMany { asked: total, most: MAX_RESIDENTS });
        }
        let shuffle = |size, name| Shuffle::new(size, &derive(&seed, name, 0));
        Ok(Self {
            plan,
            seed,
            pupil_ids: shuffle(ids_in(PUPILS), "pupil ids"),
            adult_ids: shuffle(ids_in(ADULTS), "adult ids"),
            student_order: shuffle(students, "student order"),
            hardship_order: shuffle(hardship, "hardship order"),
            dirt: None,
        })
    }

    /// The same populations, some of whose rows are dirty.
    #[must_use]
    pub fn with_dirt(self, dirt: Dirt) -> Self {
        let rows = |rows, list| DirtyRows::new(dirt, rows, &self.seed, list);
        let dirt = [rows(self.plan.students, "student dirt"), rows(self.plan.hardship, "hardship dirt")];
        Self { dirt: Some(dirt), ..self }
    }

    /// The student list: rows with [`STUDENT_COLUMNS`].
    pub fn students(&self) -> impl Iterator<Item = [String; 5]> {
        (0..self.plan.students).map(|row| {
            let mut student = self.student(Resident::Pupil(self.student_order.at(row)));
            if let Some([dirt, _]) = &self.dirt {
                let [_, id, name, ..] = &mut student;
                dirt.soil(row, Parts { id, name, dates: &mut [] });
            }
            student
        })
    }

    /// The hardship list: rows with [`HARDSHIP_COLUMNS`].
    pub fn hardship_list(&self) -> impl Iterator<Item = [String; 6]> {
        (0..self.plan.hardship).map(|row| {
            let mut entry = self.in_hardship(self.on_hardship_list(self.hardship_order.at(row)));
            if let Some([_, dirt]) = &self.dirt {
                let [id, name, _, _, dates @ ..] = &mut entry;
                dirt.soil(row, Parts { id, name, dates });
            }
            entry
        })
    }

    /// The `index`th of the hardship list before it is put in disorder: those on both lists, then
    /// adults, with a pupil who goes to school elsewhere in every fourth place.
    fn on_hardship_list(&self, index: u64) -> Resident {
        if index < self.plan.shared {
            Resident::Pupil(index)
        } else if index.is_multiple_of(4) {
            Resident::Pupil(self.plan.students + index)
        } else {
            Resident::Adult(index)
        }
    }

    fn student(&self, resident: Resident) -> [String; 5] {
        let mut draws = self.draws("student", resident);
        let (id, birth) = self.identity(resident);
        let name = self.name(resident);
        let school = format!("{}0199{:04}", self.plan.study.code(), draws.below(400) + 1);
        // In the school year that begins in September 2025.
        let date = birth.civil();
        let school_year = if date.month >= 9 { date.year } else { date.year - 1 };
        let grade = (2019 - school_year).to_string();
        [format!("G{id}"), id, name, school, grade]
    }

    fn in_hardship(&self, resident: Resident) -> [String; 6] {
        let mut draws = self.draws("hardship", resident);
        let (id, _) = self.identity(resident);
        let category = match draws.below(100) {
            0..55 => 0,
            55..65 => 1,
            65..80 => 2,
            80..83 => 3,
            83..86 => 4,
            _ => 5,
        };
        let category = CATEGORIES.get(category).copied().unwrap_or_default();
        let certificate = format!("{}{:010}", self.plan.home.code(), draws.below(10_000_000_000));
        let from = Day(Day::first_of(2025, 1).0 + i64::try_from(draws.below(365)).unwrap_or(0));
        let to = Day(from.0 + 364);
        [id, self.name(resident), category.to_owned(), certificate, from.compact(), to.compact()]
    }

    /// The resident ID and the birth date.
    fn identity(&self, resident: Resident) -> (String, Day) {
        let (number, [first, _], province) = match resident {
            Resident::Pupil(index) => (self.pupil_ids.at(index), PUPILS, self.province(index)),
            Resident::Adult(index) => (self.adult_ids.at(index), ADULTS, self.plan.home),
        };
        let ids_of_a_day = SEQUENCES * CITIES;
        let birth = Day(first.0 + i64::try_from(number / ids_of_a_day).unwrap_or(0));
        (resident_number(province.code(), birth, number % ids_of_a_day), birth)
    }

    /// Whose ID pupil `index` has: the home province's if he or she is on its hardship list; of the
    /// other students seven in ten have one of the province that they study in.
    fn province(&self, index: u64) -> Province {
        if index < self.plan.shared || index >= self.plan.students {
            return self.plan.home;
        }
        let mut draws = self.draws("province", Resident::Pupil(index));
        if draws.below(10) < 7 {
            return self.plan.study;
        }
        let other = usize::try_from(draws.below(4)).unwrap_or(0);
        Province::ALL.get(other).copied().unwrap_or(self.plan.study)
    }

    fn name(&self, resident: Resident) -> String {
        let mut draws = self.draws("name", resident);
        names::name(draws.word(), draws.word(), draws.word())
    }

    fn draws(&self, purpose: &str, resident: Resident) -> Draws {
        let (kind, index) = match resident {
            Resident::Pupil(index) => (0, index),
            Resident::Adult(index) => (1, index),
        };
        let bytes = derive(&self.seed, purpose, index * 2 + kind);
        Draws { bytes, next: 0 }
    }
}

/// Thirty-two bytes that depend on all three.
fn derive(seed: &[u8; 32], purpose: &str, index: u64) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(b"yuandang made-up residents v1");
    hash.update(seed);
    hash.update(index.to_be_bytes());
    hash.update(purpose);
    hash.finalize().into()
}

/// A few draws for one resident; after the eighth word they repeat.
struct Draws {
    bytes: [u8; 32],
    next: usize,
}

impl Draws {
    fn word(&mut self) -> u32 {
        let word = self.bytes.as_chunks::<4>().0.get(self.next % 8).copied().unwrap_or_default();
        self.next += 1;
        u32::from_be_bytes(word)
    }

    /// A number below `bound`, with a bias that does not matter here.
    fn below(&mut self, bound: u64) -> u64 {
        let wide = (u64::from(self.word()) << 32) | u64::from(self.word());
        wide % bound.max(1)
    }
}

#[cfg(test)]
#[path = "residents/tests.rs"]
mod tests;
