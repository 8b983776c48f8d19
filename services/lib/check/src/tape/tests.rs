use super::*;

fn list(tape: &mut Tape, items: &[Datum<'_>]) -> Cell {
    tape.begin_items();
    for item in items {
        tape.put(Slot::ITEM, *item);
    }
    tape.end_list()
}

#[test]
fn fields_have_places_and_absence_is_none_of_the_values() {
    let mut tape = Tape::default();
    tape.begin_object(6);
    tape.put(Slot::field(4), Datum::Str("é"));
    tape.put(Slot::field(1), Datum::Null);
    tape.put(Slot::field(2), Datum::Broken);
    tape.put(Slot::field(3), Datum::Unavailable);
    tape.put(Slot::field(5), Datum::Unknowable);
    let cell = tape.end_object(7);
    let row = Captured::of(&tape, cell).unwrap();
    assert_eq!(row.node, 7);
    assert!(matches!(row.field(0), Cell::Absent));
    assert!(matches!(row.field(1), Cell::Null));
    assert!(matches!(row.field(2), Cell::Broken));
    assert!(matches!(row.field(3), Cell::Unavailable));
    assert!(matches!(row.field(4), Cell::Text { start, len } if tape.text(start, len) == "é"));
    assert!(matches!(row.field(5), Cell::Unknowable));
    assert!(row.state.has(State::BROKEN) && row.state.has(State::UNAVAILABLE) && row.state.has(State::UNKNOWABLE));
    tape.clear();
    tape.begin_object(1);
    let cell = tape.end_object(0);
    let clean = Captured::of(&tape, cell).unwrap();
    assert!(clean.state.is_clean() && matches!(clean.field(0), Cell::Absent));
}

#[test]
fn numbers_are_exact() {
    let mut tape = Tape::default();
    let huge = i128::from(u64::MAX) + 1;
    let items = list(
        &mut tape,
        &[
            Datum::Int(i128::MIN),
            Datum::Int(i128::from(u64::MAX)),
            Datum::Int(huge),
            Datum::Decimal(10_i128.pow(37) + 1, 20),
            Datum::Decimal(-5, 1),
        ],
    );
    let Cell::List { start, state, longest, .. } = items else {
        panic!("a list")
    };
    assert!(state.has(State::UNKNOWABLE), "past 64 bits CEL has no integer");
    assert_eq!(longest, 5);
    let wide = |at| match tape.at(start + at) {
        Cell::Wide { at, huge } => (tape.wide(at), huge),
        cell => panic!("{cell:?}"),
    };
    assert_eq!(wide(0), (i128::MIN, true));
    assert_eq!(wide(1), (i128::from(u64::MAX), false));
    assert_eq!(wide(2), (huge, true));
    let exact = tape.exact(tape.at(start + 3)).unwrap();
    assert_eq!((exact.unscaled, exact.scale), (10_i128.pow(37) + 1, 20));
    assert!(matches!(tape.at(start + 4), Cell::Decimal { unscaled: -5, scale: 1 }));
}

#[test]
fn entries_are_sorted_and_the_last_of_equal_keys_is_kept() {
    let mut tape = Tape::default();
    tape.begin_items();
    for (key, value) in [("b", 1), ("a", 2), ("b", 3), ("", 4), ("b", 5)] {
        tape.name(key);
        tape.put(Slot::ITEM, Datum::Int(value));
    }
    let Cell::Map { start, len, .. } = tape.end_map() else {
        panic!("a map")
    };
    assert_eq!(len, 3);
    for (key, wanted) in [("", 4), ("a", 2), ("b", 5)] {
        assert!(
            matches!(tape.entry(start, len, key), Some(Cell::Int(value)) if value == wanted),
            "{key}"
        );
    }
    assert!(tape.entry(start, len, "c").is_none());
}

#[test]
fn equal_items_are_found_by_value() {
    let mut tape = Tape::default();
    for (items, repeats) in [
        (vec![Datum::Int(1), Datum::Int(2), Datum::Int(1)], true),
        (vec![Datum::Int(1), Datum::Decimal(1, 0)], false),
        (vec![Datum::Decimal(10, 1), Datum::decimal(100, 2)], true),
        (vec![Datum::Str("a"), Datum::Bytes(b"a")], false),
        (vec![Datum::Null, Datum::Null], true),
        (vec![Datum::Float(0.5), Datum::Float(0.5)], true),
        (vec![Datum::Int(1 << 80), Datum::Int(1 << 80)], true),
        (vec![], false),
    ] {
        let cell = list(&mut tape, &items);
        assert_eq!(tape.repeats(cell), repeats, "{items:?}");
    }
    // Entries in any order make one map.
    tape.begin_items();
    for keys in [["a", "b"], ["b", "a"]] {
        tape.begin_items();
        for key in keys {
            tape.name(key);
            tape.put(Slot::ITEM, Datum::Str(key));
        }
        let map = tape.end_map();
        tape.put_cell(Slot::ITEM, map);
    }
    let maps = tape.end_list();
    assert!(tape.repeats(maps));
    // Objects differ in what is absent.
    tape.begin_items();
    for fields in [&[0_u32, 1][..], &[0]] {
        tape.begin_object(2);
        for field in fields {
            tape.put(Slot::field(*field), Datum::Null);
        }
        let object = tape.end_object(3);
        tape.put_cell(Slot::ITEM, object);
    }
    let objects = tape.end_list();
    assert!(!tape.repeats(objects));
}

#[test]
fn too_much_is_said_and_forgotten() {
    let mut tape = Tape::default();
    tape.begin_object(1);
    tape.begin_items();
    for _ in 0..1025 {
        tape.begin_object(4096);
        let object = tape.end_object(1);
        tape.put_cell(Slot::ITEM, object);
    }
    let list = tape.end_list();
    tape.put_cell(Slot::field(0), list);
    let Cell::Object { state, .. } = tape.end_object(0) else {
        panic!("an object")
    };
    assert!(state.has(State::FULL) && tape.is_full());
    tape.clear();
    assert!(!tape.is_full());
    tape.begin_object(1);
    let Cell::Object { state, .. } = tape.end_object(0) else {
        panic!("an object")
    };
    assert!(state.is_clean());
}

#[test]
fn the_first_word_of_a_text_ends_with_it() {
    let mut tape = Tape::default();
    tape.begin_items();
    for text in ["", "a", "abcdefg", "abcdefgh", "abcdefghi", "é"] {
        tape.put(Slot::ITEM, Datum::Str(text));
    }
    let Cell::List { start, len, .. } = tape.end_list() else {
        panic!("a list")
    };
    for at in start..start + len {
        let Cell::Text { start, len } = tape.at(at) else { panic!("a text") };
        let mut word = [0; 8];
        let text = tape.text_bytes(start, len);
        let first = text.len().min(8);
        word[..first].copy_from_slice(&text[..first]);
        assert_eq!(tape.text_word(start, len), u64::from_le_bytes(word), "{text:?}");
    }
}

#[test]
fn an_object_that_is_too_much_takes_no_room() {
    let mut tape = Tape::default();
    tape.begin_object(1 << 23);
    assert!(tape.is_full() && tape.cells.capacity() == 0);
}
