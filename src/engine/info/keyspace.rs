//! INFO keyspace: the databases that hold something.

use super::{Engine, Text};

pub(super) fn write(engine: &Engine, text: &mut Text) {
    for (number, db) in engine.keyspace.dbs.iter().enumerate() {
        if !db.dict.is_empty() {
            let (keys, expires) = (db.dict.len(), db.deadlines.len());
            let ttl = db.average_ttl(engine.now_ms());
            let value = format_args!("keys={keys},expires={expires},avg_ttl={ttl}").to_string();
            text.line(&format!("db{number}"), value);
        }
    }
}
