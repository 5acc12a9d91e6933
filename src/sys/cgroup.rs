// This is the door itself.
#![allow(clippy::disallowed_methods)]
//! The memory limit of the container the process runs in: control groups, version 1 and 2.
//!
//! A group is bounded by its own limit and by those of all groups above it; which directories hold
//! them depends on the version. Inside a container the path that the kernel names may not exist,
//! because only the container's own part is mounted: then the mount's root is the group.

use super::physical_memory;
use std::path::{Path, PathBuf};

/// Bytes the container may use; `None` where there is no container or no limit below the
/// machine's memory.
pub fn memory_limit() -> Option<usize> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let limit = limit_of(&groups, &mut |path| std::fs::read_to_string(path).ok())?;
    usize::try_from(limit).ok().filter(|limit| *limit < physical_memory())
}

/// The limit by the kernel's list of groups; `read` gives the text of a file.
fn limit_of(groups: &str, read: &mut dyn FnMut(&Path) -> Option<String>) -> Option<u64> {
    let mut lowest: Option<u64> = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            list if list.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        for dir in upwards(root, group) {
            // A limit is `max` where there is none.
            let text = read(&dir.join(file)).unwrap_or_default();
            if let Ok(limit) = text.trim().parse::<u64>() {
                lowest = Some(lowest.map_or(limit, |known| known.min(limit)));
            }
        }
    }
    lowest
}

/// The directories of a group and of all above it.
fn upwards(root: &str, group: &str) -> Vec<PathBuf> {
    let own = Path::new(root).join(group.trim_start_matches('/'));
    own.ancestors().take_while(|dir| dir.starts_with(root)).map(Path::to_path_buf).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        limit_of(groups, &mut |path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn the_lowest_limit_of_a_path_counts() {
        let files = [
            ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/memory.max", "1048576\n"),
            ("/sys/fs/cgroup/memory.max", "9000000\n"),
        ];
        assert_eq!(limit("0::/a/b\n", &files), Some(1_048_576));
        assert_eq!(limit("0::/c\n", &files), Some(9_000_000));
        assert_eq!(limit("0::/\n", &files[..1]), None);
    }

    #[test]
    fn version_one_has_a_hierarchy_for_memory() {
        let groups = "9:cpu:/x\n4:hugetlb,memory:/docker/1\n0::/\n";
        let root = [("/sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n")];
        assert_eq!(limit(groups, &root), Some(536_870_912));
        let own = [("/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes", "1000\n"), root[0]];
        assert_eq!(limit(groups, &own), Some(1000));
        assert_eq!(limit("9:cpu:/x\n", &root), None);
    }
}
