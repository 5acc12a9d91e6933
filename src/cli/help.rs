//! Texts for people. What scripts read stands where it is printed.

use std::fmt::Write;

/// The release whose client this stands for.
pub const VERSION: &str = "7.2.4";

/// Why there is no prompt.
pub const NO_PROMPT: &str =
    "redis-cli: there is no interactive mode yet: give a command, or commands on standard input";

/// Options that take no part yet, each of which asks for a mode of its own.
pub const MODES: &[&str] = &[
    "--askpass-file",
    "--bigkeys",
    "--cacert",
    "--cacertdir",
    "--cert",
    "--cluster",
    "--eval",
    "--functions-rdb",
    "--hotkeys",
    "--insecure",
    "--intrinsic-latency",
    "--key",
    "--latency",
    "--latency-dist",
    "--latency-history",
    "--ldb",
    "--ldb-sync-mode",
    "--lru-test",
    "--memkeys",
    "--memkeys-samples",
    "--pattern",
    "--pipe",
    "--pipe-timeout",
    "--quoted-pattern",
    "--rdb",
    "--replica",
    "--scan",
    "--slave",
    "--sni",
    "--stat",
    "--tls",
    "--tls-ciphers",
    "--tls-ciphersuites",
];

/// Each option with what it does, in the order shown.
const OPTIONS: &[(&str, &str)] = &[
    ("-h <host>", "Host of the server (default: 127.0.0.1)."),
    ("-p <port>", "Port of the server (default: 6379)."),
    ("-s <socket>", "Unix socket of the server, in place of host and port."),
    ("-a, --pass <password>", "Password. The variable REDISCLI_AUTH is safer."),
    ("--user <name>", "User the password belongs to."),
    ("--askpass", "Ask for the password."),
    ("-u <uri>", "redis://user:password@host:port/database"),
    ("-r <count>", "Run the command so many times; -1 is for ever."),
    ("-i <seconds>", "Wait between repetitions; decimals are allowed."),
    ("-n <number>", "Database."),
    ("-2", "Speak RESP2."),
    ("-3", "Speak RESP3."),
    ("-x", "Take the last argument from standard input."),
    ("-X <tag>", "Put standard input in place of the argument <tag>."),
    ("-d <text>", "Text between the items of a raw reply (default: newline)."),
    ("-D <text>", "Text after a raw reply (default: newline)."),
    ("-c", "Accepted; there is no cluster to follow yet."),
    ("-e", "Exit with an error code when the server answers with an error."),
    ("--raw", "Replies as they are (default without a terminal)."),
    ("--no-raw", "Replies for people (default on a terminal)."),
    ("--csv", "Replies as CSV."),
    ("--json", "Replies as JSON; asks for RESP3."),
    ("--quoted-json", "The same, with bytes outside ASCII escaped."),
    ("--quoted-input", "Arguments may be quoted strings."),
    ("--show-pushes <yn>", "Whether to print push messages."),
    ("--no-auth-warning", "Be silent about passwords in arguments."),
    ("--verbose", "Accepted; has no effect."),
    ("--help", "This text."),
    ("-v, --version", "The version."),
];

const EXAMPLES: &[&str] = &[
    "set greeting hello",
    "-x set picture < picture.png",
    "-r 60 -i 1 info stats",
    "--csv lrange list 0 -1",
];

/// What `--version` prints.
pub fn version() -> String {
    format!("redis-cli {VERSION}\n")
}

/// What `--help` prints.
pub fn usage() -> String {
    let mut text = version();
    text += "\nUsage: redis-cli [OPTIONS] [cmd [arg [arg ...]]]\n";
    for (option, meaning) in OPTIONS {
        let _ = writeln!(text, "  {option:<22} {meaning}");
    }
    text +=
        "\nWithout a command, commands are read from standard input, one a line.\n\nExamples:\n";
    for example in EXAMPLES {
        let _ = writeln!(text, "  redis-cli {example}");
    }
    text
}

/// What the command `help` prints.
pub fn commands() -> String {
    let mut text = version();
    text += "COMMAND DOCS <command>   what a command does and takes\n\
             COMMAND LIST             the commands of this server\n\
             redis-cli --help         the options of this program\n";
    text
}
