//! Seeded orders, all distinct, and the faults that are planted in them. Field names, sizes and distributions are fixed: figures of
//! different days compare only while they are.

use std::fmt::Write as _;

use fastrand::Rng;

/// Symbols of `event_type`.
pub const EVENT_TYPES: [&str; 5] = ["order_created", "order_updated", "order_paid", "order_shipped", "order_cancelled"];
/// Symbols of `status`.
pub const STATUSES: [&str; 6] = ["NEW", "PAID", "PICKED", "SHIPPED", "DELIVERED", "CANCELLED"];
/// Symbols of `currency`.
pub const CURRENCIES: [&str; 6] = ["USD", "EUR", "GBP", "SEK", "JPY", "PLN"];
/// Symbols of `customer.tier`.
pub const TIERS: [&str; 4] = ["none", "silver", "gold", "platinum"];

const COUNTRIES: [&str; 8] = ["SE", "DE", "GB", "US", "PL", "JP", "FR", "NO"];
const TOP_LEVELS: [&str; 3] = ["com", "org", "se"];
/// Name as written, and as in a mail address.
const FIRST_NAMES: [(&str, &str); 10] = [
    ("Anna", "anna"),
    ("Björn", "bjorn"),
    ("Chen", "chen"),
    ("Dmitri", "dmitri"),
    ("Elena", "elena"),
    ("Farah", "farah"),
    ("George", "george"),
    ("Hana", "hana"),
    ("Ivan", "ivan"),
    ("Julia", "julia"),
];
const LAST_NAMES: [(&str, &str); 10] = [
    ("Smith", "smith"),
    ("Lindqvist", "lindqvist"),
    ("Wei", "wei"),
    ("Petrov", "petrov"),
    ("García", "garca"),
    ("Haddad", "haddad"),
    ("Miller", "miller"),
    ("Sato", "sato"),
    ("Kowalski", "kowalski"),
    ("Roberts", "roberts"),
];
const NOTES: [&str; 6] = [
    "leave at the front desk",
    "ring twice",
    "call \"before\" delivery",
    "gift wrap, no invoice in the box please",
    "fragile",
    "deliver after 17:00 on weekdays only",
];

/// One order.
#[derive(Debug, Clone)]
pub struct Order {
    /// UUID, version 4.
    pub event_id: String,
    /// Index into [`EVENT_TYPES`].
    pub event_type: usize,
    /// 1 to 4.
    pub schema_version: i32,
    /// RFC 3339 with milliseconds.
    pub occurred_at: String,
    /// `ORD-` and ten digits.
    pub order_id: String,
    /// Index into [`STATUSES`].
    pub status: usize,
    /// Index into [`CURRENCIES`].
    pub currency: usize,
    /// UUID, version 4.
    pub customer_id: String,
    /// Mail address.
    pub email: String,
    /// First and last name; some are not ASCII.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: &'static str,
    /// Index into [`TIERS`].
    pub tier: usize,
    /// Of the customer.
    pub opt_in: bool,
    /// 1 to 4.
    pub lines: Vec<Line>,
    /// Sum of the lines.
    pub total_cents: i64,
    /// RFC 3339, whole seconds.
    pub start: String,
    /// After `start`.
    pub end: String,
    /// Two of three have none; one text has quotes in it.
    pub note: Option<&'static str>,
    /// Seconds since the epoch of `occurred_at`.
    pub seconds: i64,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

/// One line of an order.
#[derive(Debug, Clone)]
pub struct Line {
    /// Three letters, six digits.
    pub sku: String,
    /// 1 to 5.
    pub qty: i32,
    /// Price of one piece.
    pub cents: i64,
    /// One of eight.
    pub gift: bool,
}

/// The fifteen ways in which an order is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// No `order_id`.
    MissingField,
    /// Quantity as text.
    WrongType,
    /// Unknown `event_type`.
    BadEnum,
    /// `order_id` with another prefix.
    BadPattern,
    /// `event_id` with an underscore.
    BadUuid,
    /// `occurred_at` without its `T`.
    BadDateTime,
    /// `email` without its at sign.
    BadEmail,
    /// Quantity past its maximum.
    AboveMax,
    /// Negative price.
    BelowMin,
    /// Undeclared field.
    ExtraField,
    /// No lines.
    EmptyLines,
    /// Cut in the middle.
    Truncated,
    /// Null `total`.
    NullField,
    /// `total` is not the sum of the lines; no schema sees it.
    RuleTotal,
    /// `end` before `start`; no schema sees it.
    RuleEnd,
}

// === impl Fault ===

impl Fault {
    /// All, the two that only a rule can see last.
    pub const ALL: [Fault; 15] = [
        Fault::MissingField,
        Fault::WrongType,
        Fault::BadEnum,
        Fault::BadPattern,
        Fault::BadUuid,
        Fault::BadDateTime,
        Fault::BadEmail,
        Fault::AboveMax,
        Fault::BelowMin,
        Fault::ExtraField,
        Fault::EmptyLines,
        Fault::Truncated,
        Fault::NullField,
        Fault::RuleTotal,
        Fault::RuleEnd,
    ];

    /// Those that break the schema or the syntax.
    pub fn of_schema() -> &'static [Fault] {
        &Fault::ALL[..13]
    }

    /// Whether the schema or the syntax is broken.
    pub fn is_of_schema(self) -> bool {
        Fault::of_schema().contains(&self)
    }

    /// Whether the Avro schema of the orders can hold it; the others are written to Avro as valid orders.
    pub fn fits_avro(self) -> bool {
        use Fault as F;
        !matches!(
            self,
            F::MissingField | F::WrongType | F::BadEnum | F::ExtraField | F::Truncated | F::NullField
        )
    }

    /// Plants what is a matter of values; what is a matter of form is the writers' task.
    fn plant(self, order: &mut Order, rng: &mut Rng) {
        let last = order.lines.last_mut().expect("an order is made with at least one line");
        match self {
            Fault::BadPattern => order.order_id = order.order_id.replacen("ORD", "OID", 1),
            Fault::BadUuid => order.event_id = order.event_id.replacen('-', "_", 1),
            Fault::BadDateTime => order.occurred_at = order.occurred_at.replacen('T', "X", 1),
            Fault::BadEmail => order.email = order.email.replacen('@', "#", 1),
            Fault::AboveMax => last.qty += 1000,
            Fault::BelowMin => last.cents = -last.cents,
            Fault::EmptyLines => order.lines.clear(),
            Fault::RuleTotal => order.total_cents += rng.i64(1..=500),
            Fault::RuleEnd => std::mem::swap(&mut order.start, &mut order.end),
            Fault::MissingField | Fault::WrongType | Fault::BadEnum | Fault::ExtraField | Fault::Truncated | Fault::NullField => {}
        }
    }
}

/// `count` orders, `permille` of them with a fault of `faults`. The same arguments give the same orders.
pub fn orders(seed: u64, count: usize, permille: u32, faults: &[Fault]) -> Vec<Order> {
    let mut rng = Rng::with_seed(seed);
    (0..count)
        .map(|_| {
            let mut order = order(&mut rng);
            if rng.u32(0..1000) < permille {
                let fault = faults[rng.usize(0..faults.len())];
                fault.plant(&mut order, &mut rng);
                order.fault = Some(fault);
            }
            order
        })
        .collect()
}

fn order(rng: &mut Rng) -> Order {
    let lines: Vec<Line> = (0..rng.usize(1..=4)).map(|_| line(rng)).collect();
    let seconds = 1_770_000_000 + rng.i64(0..10_000_000);
    let first = FIRST_NAMES[rng.usize(0..FIRST_NAMES.len())];
    let last = LAST_NAMES[rng.usize(0..LAST_NAMES.len())];
    let start = seconds + 3600;
    Order {
        event_id: uuid(rng),
        event_type: rng.usize(0..EVENT_TYPES.len()),
        schema_version: rng.i32(1..=4),
        occurred_at: instant(seconds, Some(rng.u32(0..1000))),
        order_id: format!("ORD-{:010}", rng.u64(0..10_000_000_000)),
        status: rng.usize(0..STATUSES.len()),
        currency: rng.usize(0..CURRENCIES.len()),
        customer_id: uuid(rng),
        email: format!(
            "{}.{}{}@example.{}",
            first.1,
            last.1,
            rng.u32(0..1000),
            TOP_LEVELS[rng.usize(0..TOP_LEVELS.len())]
        ),
        name: format!("{} {}", first.0, last.0),
        country: COUNTRIES[rng.usize(0..COUNTRIES.len())],
        tier: rng.usize(0..TIERS.len()),
        opt_in: rng.bool(),
        total_cents: lines.iter().map(|line| i64::from(line.qty) * line.cents).sum(),
        lines,
        start: instant(start, None),
        end: instant(start + 1 + rng.i64(0..500_000), None),
        note: (rng.u32(0..3) == 0).then(|| NOTES[rng.usize(0..NOTES.len())]),
        seconds,
        fault: None,
    }
}

fn line(rng: &mut Rng) -> Line {
    let mut sku: String = (0..3).map(|_| rng.uppercase()).collect();
    let _ = write!(sku, "-{:06}", rng.u32(0..1_000_000));
    Line {
        sku,
        qty: rng.i32(1..=5),
        cents: rng.i64(99..20_099),
        gift: rng.u32(0..8) == 0,
    }
}

fn uuid(rng: &mut Rng) -> String {
    let (high, low) = (rng.u64(..), rng.u64(..));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    )
}

/// RFC 3339 in UTC. All orders lie in 2026.
fn instant(seconds: i64, millis: Option<u32>) -> String {
    const YEAR_2026: i64 = 1_767_225_600;
    const MONTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let (mut day, second) = ((seconds - YEAR_2026).div_euclid(86_400), seconds.rem_euclid(86_400));
    let mut month = 0;
    while day >= MONTHS[month] {
        day -= MONTHS[month];
        month += 1;
    }
    let mut text = format!(
        "2026-{:02}-{:02}T{:02}:{:02}:{:02}",
        month + 1,
        day + 1,
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    if let Some(millis) = millis {
        let _ = write!(text, ".{millis:03}");
    }
    text.push('Z');
    text
}
