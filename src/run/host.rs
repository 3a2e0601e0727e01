use std::sync::OnceLock;

/// What this machine is called, as the process found it first.
pub(super) fn host() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| {
        let name =
            std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
        match name.as_deref().map(str::trim) {
            Ok(name) if !name.is_empty() => name.to_owned(),
            _ => {
                let named = std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME"));
                named.unwrap_or_else(|_| "localhost".into())
            }
        }
    })
}
