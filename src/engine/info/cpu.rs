//! INFO cpu: processor time as the kernel counts it.

use super::{Engine, Text};
use crate::sys::{self, CpuOf, CpuTime};

pub(super) fn write(_: &Engine, text: &mut Text) {
    let mut both = |suffix: &str, time: CpuTime| {
        for (kind, us) in [("sys", time.system_us), ("user", time.user_us)] {
            let value = format_args!("{}.{:06}", us / 1_000_000, us % 1_000_000).to_string();
            text.line(&format!("used_cpu_{kind}{suffix}"), value);
        }
    };
    both("", sys::cpu_time(CpuOf::Process));
    both("_children", sys::cpu_time(CpuOf::Children));
    both("_main_thread", sys::cpu_time(CpuOf::Thread));
}
