//! The process title: `proc-title-template` filled in.

use super::Engine;
use super::config::Config;

impl Engine {
    /// Shows the title the configuration asks for in the list of processes.
    pub fn show_title(&self) {
        if self.config.set_proc_title && !self.program.is_empty() {
            let file = self.config_file.as_ref().map(|path| path.display().to_string());
            let file = file.unwrap_or_default();
            crate::sys::title::set(&title(&self.config, &self.program, &file));
        }
    }
}

/// The template with its variables replaced, without spaces at the ends.
fn title(config: &Config, program: &str, file: &str) -> String {
    let port = if config.port > 0 { config.port } else { config.tls_port };
    let listen = match config.bind.first() {
        _ if port == 0 => config.unixsocket.clone(),
        Some(address) => format!("{address}:{port}"),
        None => format!("*:{port}"),
    };
    let (port, tls_port) = (config.port.to_string(), config.tls_port.to_string());
    let values = [
        ("{title}", program),
        ("{listen-addr}", &listen),
        ("{server-mode}", ""),
        ("{port}", &port),
        ("{tls-port}", &tls_port),
        ("{unixsocket}", &config.unixsocket),
        ("{config-file}", file),
    ];
    let mut text = String::new();
    let mut rest = config.proc_title_template.as_str();
    while let Some(at) = rest.find('{') {
        text += &rest[..at];
        rest = &rest[at..];
        let known = values.iter().find(|(name, _)| rest.starts_with(name));
        let Some((name, value)) = known else { break };
        text += value;
        rest = &rest[name.len()..];
    }
    text += rest;
    text.trim_matches(' ').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_once() {
        let mut config = Config { port: 7000, ..Config::default() };
        assert_eq!(title(&config, "redis-server", "/x"), "redis-server *:7000");
        config.proc_title_template = "{config-file} {title}={port}/{tls-port} ".to_owned();
        assert_eq!(title(&config, "{port}", "/x"), "/x {port}=7000/0");
        config.port = 0;
        config.unixsocket = "/tmp/s".to_owned();
        config.proc_title_template = "{listen-addr}{server-mode}".to_owned();
        assert_eq!(title(&config, "p", ""), "/tmp/s");
    }
}
