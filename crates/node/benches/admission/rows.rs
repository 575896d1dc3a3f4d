//! Rows in bulk, exactly as `Book` writes them one by one: signed statements in canonical JSON, the chain of receipts, counters.
//! What is spared is the transaction and the wait for the disk of each. Of a use there are its own row with its end, the
//! peer's use, and the receipt of the admission; receipts of ends are left out, since no admission reads them.

use std::{collections::HashMap, iter, mem};

use agreement::{Act, Digest, Event, Receipt, Signed, Statement};
use database::{Database, Location, Row, Transaction, query};
use node::book::{JobRequest, LAYOUT, News, Ruling};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::world::World;

/// The tables with their columns, in the order in which two books are compared.
const TABLES: [(&str, &str); 7] = [
    ("agreements", "digest, name, body, received_ms"),
    ("acts", "agreement, kind, signer, identity, rank, body, received_ms"),
    ("counters", "agreement, runs, day, today, last_s"),
    ("uses", "job, agreement, number, at_s, statement, outcome"),
    ("peer_uses", "agreement, peer, number, job, statement"),
    ("receipts", "number, digest, event, agreement, job, at_s, body"),
    ("chain", "place, number, digest"),
];
/// Columns that hold numbers.
const NUMBERS: [&str; 9] = ["received_ms", "rank", "runs", "today", "last_s", "number", "at_s", "place", "made_ms"];

/// Uses of one transaction, and rows of one statement.
const AT_A_TIME: usize = 10_000;
const BATCH: u64 = AT_A_TIME as u64;
const AT_ONCE: usize = 100;
const RECEIVED_MS: i64 = 1;

enum Cell {
    Text(String),
    Number(i64),
}

type Line = Vec<Cell>;

fn text(text: &(impl ToString + ?Sized)) -> Cell {
    Cell::Text(text.to_string())
}

fn count(number: u64) -> Cell {
    Cell::Number(number.try_into().unwrap())
}

fn body<T: Statement>(signed: &Signed<T>) -> Cell {
    Cell::Text(String::from_utf8(signed.to_bytes().unwrap()).unwrap())
}

/// Writes rows of a table, some with each statement.
async fn insert(transaction: &mut Transaction, table: &str, lines: Vec<Line>) {
    let (_, columns) = TABLES.iter().find(|(name, _)| *name == table).unwrap();
    let wide = columns.split(", ").count();
    let mut known: HashMap<usize, &'static str> = HashMap::new();
    for some in lines.chunks(AT_ONCE) {
        // One or two texts for each table and call: what is leaked is little.
        let sql = *known.entry(some.len()).or_insert_with(|| {
            let line = |line: usize| {
                let places: Vec<String> = (1..=wide).map(|place| format!("${}", line * wide + place)).collect();
                format!("({})", places.join(", "))
            };
            let values: Vec<String> = (0..some.len()).map(line).collect();
            String::leak(format!("INSERT INTO {table} ({columns}) VALUES {}", values.join(", ")))
        });
        let bound = some.iter().flatten().fold(query(sql), |query, cell| match cell {
            Cell::Text(text) => query.bind(text.clone()),
            Cell::Number(number) => query.bind(*number),
        });
        bound.execute(&mut **transaction).await.unwrap();
    }
}

/// The counters of an agreement.
#[derive(Clone, Default)]
struct Counter {
    runs: u64,
    day: String,
    today: u64,
    last_s: i64,
}

/// Fills an empty database.
pub(crate) async fn fill(location: &Location, world: &World) {
    let database = Database::open(location, LAYOUT).await.unwrap();
    let mut digests = Vec::new();
    for begin in (0..world.agreements).step_by(AT_A_TIME) {
        let some: Vec<_> =
            (begin..world.agreements.min(begin + BATCH)).into_par_iter().map(|index| agreed(world, index)).collect();
        let mut transaction = database.begin().await.unwrap();
        let (mut agreements, mut acts) = (Vec::new(), Vec::new());
        for (digest, agreement, its_acts) in some {
            digests.push(digest);
            agreements.push(agreement);
            acts.extend(its_acts);
        }
        insert(&mut transaction, "agreements", agreements).await;
        insert(&mut transaction, "acts", acts).await;
        transaction.commit().await.unwrap();
    }
    let mut counters = vec![Counter { last_s: -1, ..Counter::default() }; digests.len()];
    let mut last: Option<Digest> = None;
    for begin in (0..world.uses).step_by(AT_A_TIME) {
        let batch = begin..world.uses.min(begin + BATCH);
        for index in batch.clone() {
            counters[usize::try_from(world.place(index).0).unwrap()].add(world, index);
        }
        let digest_of = |index| digests[usize::try_from(world.place(index).0).unwrap()];
        let used =
            || batch.clone().into_par_iter().map(|index| used(world, index, digest_of(index))).collect::<Vec<_>>();
        let ((uses, peer_uses), receipts) = rayon::join(
            || used().into_iter().unzip::<Line, Line, Vec<Line>, Vec<Line>>(),
            || batch.clone().map(|index| receipt(world, index, digest_of(index), &mut last)).collect(),
        );
        let mut transaction = database.begin().await.unwrap();
        insert(&mut transaction, "uses", uses).await;
        insert(&mut transaction, "peer_uses", peer_uses).await;
        insert(&mut transaction, "receipts", receipts).await;
        transaction.commit().await.unwrap();
    }
    let mut transaction = database.begin().await.unwrap();
    let lines = digests.iter().zip(&mut counters).map(|(digest, counter)| counter.line(digest)).collect();
    insert(&mut transaction, "counters", lines).await;
    query("UPDATE chain SET number = $1, digest = $2 WHERE place = 1")
        .bind(i64::try_from(world.uses).unwrap())
        .bind(last.map(|last| last.to_string()).unwrap_or_default())
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    database.close().await;
}

impl Counter {
    fn add(&mut self, world: &World, index: u64) {
        let at = world.time(index);
        let day = at.china_day().to_string();
        self.today = if self.day == day { self.today + 1 } else { 1 };
        (self.runs, self.day, self.last_s) = (world.place(index).1, day, at.seconds());
    }

    fn line(&mut self, digest: &Digest) -> Line {
        let day = mem::take(&mut self.day);
        vec![text(digest), count(self.runs), Cell::Text(day), count(self.today), Cell::Number(self.last_s)]
    }
}

/// An agreement with what both signed about it.
fn agreed(world: &World, index: u64) -> (Digest, Line, Vec<Line>) {
    let terms = world.terms(index);
    let digest = terms.digest().unwrap();
    let bytes = String::from_utf8(terms.to_bytes().unwrap()).unwrap();
    let line = vec![text(&digest), text(&terms.name), Cell::Text(bytes), Cell::Number(RECEIVED_MS)];
    let act = |act: &Act| {
        let (signer, identity) = act.signer();
        let bytes = String::from_utf8(act.to_bytes().unwrap()).unwrap();
        let rank = Cell::Number(0);
        let who = [text(&digest), text(act.kind()), text(signer), text(identity)];
        who.into_iter().chain([rank, Cell::Text(bytes), Cell::Number(RECEIVED_MS)]).collect()
    };
    (digest, line, world.acts(index).iter().map(act).collect())
}

/// A use, and that of the peer.
fn used(world: &World, index: u64, digest: Digest) -> (Line, Line) {
    let (statement, peer) = (world.statement(index, digest), world.peer(world.place(index).0));
    let ours = Signed::sign(statement.clone(), &world.me.0, &world.me.1).unwrap();
    let theirs = Signed::sign(statement, &peer.0, &peer.1).unwrap();
    let said = ours.statement();
    let own = [text(&said.job), text(&digest), count(said.number), Cell::Number(said.at.seconds())];
    let own = own.into_iter().chain([body(&ours), text("Succeeded")]).collect();
    (own, vec![text(&digest), text(&peer.0), count(said.number), text(&said.job), body(&theirs)])
}

/// The receipt of a use, which is the next of the chain.
fn receipt(world: &World, index: u64, digest: Digest, last: &mut Option<Digest>) -> Line {
    let said = world.statement(index, digest);
    let receipt = Receipt {
        number: index + 1,
        previous: *last,
        agreement: Some(digest),
        job: Some(said.job.clone()),
        use_number: Some(said.number),
        ..Receipt::of(Event::Admitted, said.at)
    };
    let signed = Signed::sign(receipt, &world.me.0, &world.me.1).unwrap();
    let own = signed.digest().unwrap();
    *last = Some(own);
    let about = [count(index + 1), text(&own), text(&Event::Admitted), text(&digest), text(&said.job)];
    about.into_iter().chain([Cell::Number(said.at.seconds()), body(&signed)]).collect()
}

/// Makes a small book in bulk and another one as a node does, and compares all their rows.
///
/// # Panics
/// If they differ: then what is measured is not what a node has.
pub(crate) async fn check(in_bulk: &Location, by_book: &Location) {
    let world = World::new(3, 100);
    fill(in_bulk, &world).await;
    let book = world.book(by_book).await;
    for index in 0..world.agreements {
        for act in world.acts(index) {
            assert_eq!(book.keep(&act, RECEIVED_MS).await.unwrap(), News::New);
        }
    }
    for index in 0..world.uses {
        let (agreement, _) = world.place(index);
        let (terms, peer) = (world.terms(agreement), world.peer(agreement));
        let (digest, spec) = (terms.digest().unwrap(), World::job(&terms));
        let said = world.statement(index, digest);
        let request = JobRequest { id: &said.job, spec: &spec, now: said.at, published: &|_| Some(1), heartbeat: None };
        assert!(matches!(book.admit(request).await.unwrap(), Ruling::Admitted(_)));
        let theirs = Signed::sign(said.clone(), &peer.0, &peer.1).unwrap();
        book.admit_use(&theirs, (&said.job, &digest, &terms), &peer.0).await.unwrap().unwrap();
        book.ended(&said.job, "Succeeded", (Vec::new(), &[]), None).await.unwrap();
    }
    book.close().await;
    let (one, other) = (dump(in_bulk).await, dump(by_book).await);
    assert_eq!(one.len(), 3 + 9 + 3 + 100 + 100 + 100 + 1);
    for (one, other) in iter::zip(one, other) {
        assert_eq!(one, other, "rows in bulk are not as a book writes them");
    }
}

/// All rows of a book, in order.
async fn dump(location: &Location) -> Vec<String> {
    let database = Database::open(location, LAYOUT).await.unwrap();
    let mut all = Vec::new();
    for (table, columns) in TABLES {
        let sql: &'static str = String::leak(format!("SELECT {columns} FROM {table}"));
        let rows = query(sql).fetch_all(database.pool()).await.unwrap();
        let cell = |row: &database::AnyRow, column: &str| {
            if NUMBERS.contains(&column) {
                row.try_get::<i64, _>(column).unwrap().to_string()
            } else {
                row.try_get::<String, _>(column).unwrap()
            }
        };
        let line =
            |row: &database::AnyRow| columns.split(", ").map(|column| cell(row, column)).collect::<Vec<_>>().join("|");
        let mut lines: Vec<String> = rows.iter().map(line).map(|line| format!("{table}: {line}")).collect();
        lines.sort();
        all.extend(lines);
    }
    database.close().await;
    all
}
