//! The machine, as a line above the tables.

use std::fs::read_to_string;
use std::thread::available_parallelism;

const GIB: f64 = 1024.0 * 1024.0;

/// The processors, the memory and the system, as far as the system reports them, and what else it did in the last minute.
pub fn describe() -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    let mut parts = vec![format!("{} {}, {cores} cores", std::env::consts::OS, std::env::consts::ARCH)];
    parts.extend(value("/proc/cpuinfo", "model name"));
    let memory = value("/proc/meminfo", "MemTotal").and_then(|text| text.strip_suffix(" kB")?.parse::<f64>().ok());
    parts.extend(memory.map(|kib| format!("{:.0} GiB", kib / GIB)));
    let load = read_to_string("/proc/loadavg").ok();
    let load = load.as_deref().and_then(|text| text.split(' ').next());
    parts.extend(load.map(|load| format!("load average {load}")));
    parts.join(", ")
}

/// The first value of a name in a file of lines "name : value".
fn value(file: &str, name: &str) -> Option<String> {
    let text = read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim().to_owned())
    })
}
