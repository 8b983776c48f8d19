//! Many questions, few scans: aggregates over the same relation are asked in one statement, and a statement that several ask is asked once.

use std::collections::BTreeMap;

use crate::observation::Observation;
use crate::sql::Question;

/// Most columns of one statement; what is past it goes into the next.
const COLUMNS_MAX: usize = 200;

/// One statement, and who gets what of its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The statement.
    pub sql: String,
    /// Index of a question, and the columns of the row that are its answer; none is the whole row.
    pub answers: Vec<(usize, Option<Vec<usize>>)>,
}

/// The statements that answer all of these questions; each question is answered by exactly one of them, except those that ask nothing.
pub fn fuse(questions: &[Question]) -> Vec<Asked> {
    let mut asked: Vec<Asked> = Vec::new();
    let mut whole: BTreeMap<&str, usize> = BTreeMap::new();
    let mut relations: BTreeMap<&str, Fusing<'_>> = BTreeMap::new();
    for (index, question) in questions.iter().enumerate() {
        match question {
            Question::Nothing => {}
            Question::Alone(sql) => {
                let at = *whole.entry(sql).or_insert_with(|| {
                    asked.push(Asked {
                        sql: sql.clone(),
                        answers: Vec::new(),
                    });
                    asked.len() - 1
                });
                asked[at].answers.push((index, None));
            }
            Question::Together { relation, columns } => {
                let fusing = relations.entry(relation).or_default();
                if fusing.columns.len() + columns.len() > COLUMNS_MAX {
                    asked.extend(std::mem::take(fusing).finish(relation));
                }
                let places = columns.iter().map(|(_, sql)| fusing.place(sql)).collect();
                fusing.answers.push((index, Some(places)));
            }
        }
    }
    for (relation, fusing) in relations {
        asked.extend(fusing.finish(relation));
    }
    asked
}

#[derive(Default)]
struct Fusing<'a> {
    columns: Vec<&'a str>,
    answers: Vec<(usize, Option<Vec<usize>>)>,
}

// === impl Fusing ===

impl<'a> Fusing<'a> {
    /// Where a column stands; the same one stands once.
    fn place(&mut self, sql: &'a str) -> usize {
        self.columns.iter().position(|known| *known == sql).unwrap_or_else(|| {
            self.columns.push(sql);
            self.columns.len() - 1
        })
    }

    fn finish(self, relation: &str) -> Option<Asked> {
        let columns: Vec<String> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, sql)| format!("{sql} AS \"c{at}\""))
            .collect();
        (!columns.is_empty()).then(|| Asked {
            sql: format!("SELECT {} FROM {relation}", columns.join(", ")),
            answers: self.answers,
        })
    }
}

// === impl Asked ===

impl Asked {
    /// What each question learns from the answer of the statement.
    pub fn hand_out(&self, observation: &Observation) -> Vec<(usize, Observation)> {
        let of = |places: &Option<Vec<usize>>| match (places, observation) {
            (Some(places), Observation::Row(row)) => places
                .iter()
                .map(|place| row.get(*place).cloned())
                .collect::<Option<Vec<_>>>()
                .map_or_else(
                    || Observation::Missing("the engine's answer does not have the columns that were asked for".into()),
                    Observation::Row,
                ),
            _ => observation.clone(),
        };
        self.answers.iter().map(|(index, places)| (*index, of(places))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Cell;

    fn together(relation: &str, columns: &[&str]) -> Question {
        Question::Together {
            relation: relation.into(),
            columns: columns.iter().map(|sql| ("x", (*sql).to_owned())).collect(),
        }
    }

    #[test]
    fn one_statement_a_relation_and_each_column_once() {
        let questions = [
            together("a", &["count(*)", "max(x)"]),
            Question::Alone("SELECT 1".into()),
            together("b", &["count(*)"]),
            Question::Nothing,
            together("a", &["min(y)", "count(*)"]),
            Question::Alone("SELECT 1".into()),
        ];
        let asked = fuse(&questions);
        let texts: Vec<&str> = asked.iter().map(|asked| asked.sql.as_str()).collect();
        assert_eq!(
            texts,
            [
                "SELECT 1",
                "SELECT count(*) AS \"c0\", max(x) AS \"c1\", min(y) AS \"c2\" FROM a",
                "SELECT count(*) AS \"c0\" FROM b"
            ]
        );
        let numbers = |numbers: &[&str]| Observation::Row(numbers.iter().map(|text| Cell::Number((*text).to_owned())).collect());
        assert_eq!(
            asked[1].hand_out(&numbers(&["7", "8", "9"])),
            [(0, numbers(&["7", "8"])), (4, numbers(&["9", "7"]))]
        );
        assert_eq!(
            asked[0].hand_out(&numbers(&["1"])),
            [(1, numbers(&["1"])), (5, numbers(&["1"]))],
            "the whole row, for all who asked"
        );
        assert!(
            matches!(asked[1].hand_out(&numbers(&["7"]))[0].1, Observation::Missing(_)),
            "a short row is no answer"
        );
        assert_eq!(
            asked[1].hand_out(&Observation::NoRow),
            [(0, Observation::NoRow), (4, Observation::NoRow)]
        );
    }

    #[test]
    fn very_many_columns_are_parted_and_all_answered() {
        let questions: Vec<Question> = (0..150)
            .map(|at| together("a", &[format!("max({at})").as_str(), format!("min({at})").as_str()]))
            .collect();
        let asked = fuse(&questions);
        assert_eq!(asked.len(), 2);
        let mut answered: Vec<usize> = asked
            .iter()
            .flat_map(|asked| asked.answers.iter().map(|(index, _)| *index))
            .collect();
        answered.sort_unstable();
        assert_eq!(answered, (0..150).collect::<Vec<_>>());
    }
}
