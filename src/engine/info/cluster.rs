//! INFO cluster.

use super::{Engine, Text};

pub(super) fn write(engine: &Engine, text: &mut Text) {
    text.flag("cluster_enabled", engine.config.cluster_enabled);
}
