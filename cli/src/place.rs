//! Which file a path means, however it is written.

use std::path::{Path, PathBuf};

/// The one name of a file that is there, or would be: that of its folder, links followed, and its own.
pub fn place(path: &Path) -> PathBuf {
    let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // Terminals and pipes are written to, not replaced: two names of one may well go together.
    if std::fs::metadata(path).is_ok_and(|known| !known.is_file() && !known.is_dir()) {
        return absolute();
    }
    if let Ok(known) = std::fs::canonicalize(path) {
        return known;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (std::fs::canonicalize(folder), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => absolute(),
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_file_has_one_place_by_all_of_its_names() {
        let folder = std::env::temp_dir().join(format!("leafhold-place-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("in")).unwrap();
        std::fs::write(folder.join("there"), "").unwrap();
        for name in ["there", "later"] {
            let one = place(&folder.join(name));
            assert_eq!(place(&folder.join(".").join(name)), one);
            assert_eq!(place(&folder.join("in/..").join(name)), one);
            assert_ne!(place(&folder.join("in").join(name)), one);
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("there", folder.join("link")).unwrap();
            assert_eq!(place(&folder.join("link")), place(&folder.join("there")));
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
