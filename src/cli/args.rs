//! The command line of redis-cli: options first, then the command, whose words are left alone.
//!
//! A number is read as far as it goes, so `-p 12x` is port 12, as scripts may rely on.

use super::help;

/// How replies are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// For people: types, numbers, quotes.
    Standard,
    /// The bytes themselves.
    Raw,
    /// One line of values separated by commas.
    Csv,
    /// One JSON value.
    Json,
    /// One JSON value in ASCII.
    QuotedJson,
}

/// Which protocol to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Whatever the server begins with.
    None,
    /// RESP3 if the server has it.
    Maybe3,
    /// RESP3, or nothing.
    Only3,
}

/// Everything the options say.
#[derive(Debug, Clone)]
pub struct Options {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Unix socket; wins over host and port.
    pub socket: Option<String>,
    /// How often to run the command; negative: for ever.
    pub repeat: i64,
    /// Microseconds between two runs.
    pub interval_us: u64,
    /// Database to select.
    pub db: i32,
    /// Password.
    pub auth: Option<Vec<u8>>,
    /// User of the password.
    pub user: Option<Vec<u8>>,
    /// Ask for the password.
    pub ask_password: bool,
    /// Say nothing about a password in the arguments.
    pub no_auth_warning: bool,
    /// How replies are shown.
    pub output: Output,
    /// Print push messages.
    pub show_pushes: bool,
    /// Stay with RESP2 whatever else is said.
    pub resp2: bool,
    /// Ask for RESP3.
    pub resp3: Wish,
    /// Between items of a raw reply.
    pub item_end: Vec<u8>,
    /// After a raw reply.
    pub reply_end: Vec<u8>,
    /// The last argument comes from standard input.
    pub stdin_last: bool,
    /// The argument that standard input replaces.
    pub stdin_tag: Option<Vec<u8>>,
    /// An error reply ends the program with an error code.
    pub error_code: bool,
    /// Arguments are quoted strings.
    pub quoted_input: bool,
}

impl Options {
    fn new(terminal: bool) -> Options {
        Options {
            host: "127.0.0.1".to_owned(),
            port: 6379,
            socket: None,
            repeat: 1,
            interval_us: 0,
            db: 0,
            auth: None,
            user: None,
            ask_password: false,
            no_auth_warning: false,
            output: if terminal { Output::Standard } else { Output::Raw },
            show_pushes: terminal,
            resp2: false,
            resp3: Wish::None,
            item_end: b"\n".to_vec(),
            reply_end: b"\n".to_vec(),
            stdin_last: false,
            stdin_tag: None,
            error_code: false,
            quoted_input: false,
        }
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Parsed {
    /// Talk to a server: options and the words of the command, none for standard input.
    Run(Box<Options>, Vec<Vec<u8>>),
    /// Print this and end.
    Print(String),
    /// End with this fault.
    Refuse(String),
}

/// Why reading options stopped early.
type Early = Parsed;

/// Reads the words after the program's name. `terminal` tells whether people see the output.
pub fn parse(words: &[Vec<u8>], terminal: bool) -> Parsed {
    let mut options = Options::new(terminal);
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if word.first() != Some(&b'-') {
            break;
        }
        let value = words.get(at + 1).map(Vec::as_slice);
        match one(&mut options, word, value) {
            Ok(taken) => at += taken,
            Err(early) => return early,
        }
    }
    if options.resp2 && options.resp3 == Wish::Only3 {
        return Parsed::Refuse("Options -2 and -3 are mutually exclusive.".to_owned());
    }
    Parsed::Run(Box::new(options), words[at..].to_vec())
}

/// Takes one option; gives the number of words it is made of.
fn one(options: &mut Options, word: &[u8], value: Option<&[u8]>) -> Result<usize, Early> {
    if flag(options, word)? {
        return Ok(1);
    }
    match value {
        Some(value) if with_value(options, word, value)? => Ok(2),
        _ => Err(refuse(word)),
    }
}

/// An option that stands alone; false when it is none.
fn flag(options: &mut Options, word: &[u8]) -> Result<bool, Early> {
    match word {
        b"--help" => return Err(Parsed::Print(help::usage())),
        b"-v" | b"--version" => return Err(Parsed::Print(help::version())),
        b"-x" => options.stdin_last = true,
        b"-e" => options.error_code = true,
        b"-2" => options.resp2 = true,
        b"-3" => options.resp3 = Wish::Only3,
        b"--askpass" => options.ask_password = true,
        b"--no-auth-warning" => options.no_auth_warning = true,
        b"--raw" => options.output = Output::Raw,
        b"--no-raw" => options.output = Output::Standard,
        b"--csv" => options.output = Output::Csv,
        b"--json" | b"--quoted-json" => {
            let plain = word == b"--json";
            options.output = if plain { Output::Json } else { Output::QuotedJson };
            if options.resp3 == Wish::None {
                options.resp3 = Wish::Maybe3;
            }
        }
        b"--quoted-input" => options.quoted_input = true,
        // One server has nobody to be redirected to, and nothing to be talkative about.
        b"-c" | b"--verbose" => {}
        _ => return Ok(false),
    }
    Ok(true)
}

/// An option with a value; false when it is none.
fn with_value(options: &mut Options, word: &[u8], value: &[u8]) -> Result<bool, Early> {
    let text = || String::from_utf8_lossy(value).into_owned();
    match word {
        b"-h" => options.host = text(),
        b"-p" => match u16::try_from(leading_int(value)) {
            Ok(port) => options.port = port,
            Err(_) => return Err(Parsed::Refuse("Invalid server port.".to_owned())),
        },
        b"-s" => options.socket = Some(text()),
        b"-r" => options.repeat = leading_int(value),
        b"-i" => options.interval_us = (leading_float(value) * 1e6) as u64,
        b"-n" => options.db = leading_int(value) as i32,
        b"-a" | b"--pass" => options.auth = Some(value.to_vec()),
        b"--user" => options.user = Some(value.to_vec()),
        b"-u" => uri(options, value).map_err(|fault| Parsed::Refuse(fault.to_owned()))?,
        b"-X" => options.stdin_tag = Some(value.to_vec()),
        b"-d" => options.item_end = value.to_vec(),
        b"-D" => options.reply_end = value.to_vec(),
        b"--show-pushes" => match value.first() {
            Some(b'y' | b'Y') => options.show_pushes = true,
            Some(b'n' | b'N') => options.show_pushes = false,
            // Nothing that was asked for depends on it, so this is not the end.
            _ => eprintln!("Unknown --show-pushes value '{}' (valid: '[y]es', '[n]o')", text()),
        },
        _ => return Ok(false),
    }
    Ok(true)
}

fn refuse(word: &[u8]) -> Early {
    let name = String::from_utf8_lossy(word);
    if name == "-h" {
        return Parsed::Print(help::usage());
    }
    if help::MODES.contains(&&*name) || name.starts_with("--cluster-") {
        return Parsed::Refuse(format!("redis-cli: '{name}' is not supported yet"));
    }
    Parsed::Refuse(format!("Unrecognized option or bad number of args for: '{name}'"))
}

/// `redis://[[user]:password@]host[:port][/database]`; each part may be missing.
fn uri(options: &mut Options, uri: &[u8]) -> Result<(), &'static str> {
    let has = |scheme: &str| {
        uri.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    if has("rediss://") {
        return Err("rediss:// is not supported: this client has no TLS yet");
    }
    if !has("redis://") {
        return Err("Invalid URI scheme");
    }
    let mut rest = &uri["redis://".len()..];
    if let Some(at) = rest.iter().position(|byte| *byte == b'@') {
        let (info, after) = (&rest[..at], &rest[at + 1..]);
        let password = match info.iter().position(|byte| *byte == b':') {
            Some(colon) => {
                options.user = Some(percent_decoded(&info[..colon])?);
                &info[colon + 1..]
            }
            None => info,
        };
        options.auth = Some(percent_decoded(password)?);
        rest = after;
    }
    let (address, path) = match rest.iter().position(|byte| *byte == b'/') {
        Some(slash) => (&rest[..slash], &rest[slash + 1..]),
        None => (rest, &b""[..]),
    };
    if !address.is_empty() {
        host_and_port(options, address);
    }
    if !path.is_empty() {
        options.db = leading_int(path) as i32;
    }
    Ok(())
}

/// `host`, `host:port`, `[address]` or `[address]:port`.
fn host_and_port(options: &mut Options, address: &[u8]) {
    let text = String::from_utf8_lossy(address);
    let (host, port) = match text.strip_prefix('[') {
        Some(inside) => match inside.split_once(']') {
            Some((host, after)) => (host, after.strip_prefix(':')),
            None => (inside, None),
        },
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (&*text, None),
        },
    };
    options.host = host.to_owned();
    if let Some(port) = port {
        options.port = leading_int(port.as_bytes()) as u16;
    }
}

fn percent_decoded(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|value| value as u8);
    let mut bytes = text.iter().copied();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let high = bytes.next().ok_or("Incomplete URI encoding")?;
        let (Some(high), Some(low)) = (digit(high), bytes.next().and_then(digit)) else {
            return Err("Illegal character in URI encoding");
        };
        decoded.push(high << 4 | low);
    }
    Ok(decoded)
}

/// The whole number at the start of a text; 0 when there is none.
pub fn leading_int(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let value = digits.fold(0i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    if negative { -value } else { value }
}

/// The decimal number at the start of a text; 0 when there is none.
fn leading_float(text: &[u8]) -> f64 {
    let text = text.trim_ascii_start();
    let plain = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let mut len = text.iter().take_while(plain).count();
    while len > 0 {
        let parsed = std::str::from_utf8(&text[..len]).ok().and_then(|text| text.parse().ok());
        if let Some(value) = parsed {
            return value;
        }
        len -= 1;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> (Options, Vec<String>) {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        match parse(&words, false) {
            Parsed::Run(options, command) => {
                let text = |word: Vec<u8>| String::from_utf8(word).expect("UTF-8");
                (*options, command.into_iter().map(text).collect())
            }
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn options_end_where_the_command_begins() {
        let (options, command) = run("-h a -p 12x -n 3 -r -1 -i 0.25z get -p 7");
        assert_eq!((options.host.as_str(), options.port, options.db), ("a", 12, 3));
        assert_eq!((options.repeat, options.interval_us), (-1, 250_000));
        assert_eq!(command, ["get", "-p", "7"]);
        assert_eq!(options.output, Output::Raw);
    }

    #[test]
    fn a_uri_may_lack_any_part() {
        let (options, _) = run("-u redis://me:p%40ss@h:1/7 ping");
        assert_eq!(options.user.as_deref(), Some(&b"me"[..]));
        assert_eq!(options.auth.as_deref(), Some(&b"p@ss"[..]));
        assert_eq!((options.host.as_str(), options.port, options.db), ("h", 1, 7));
        let (options, _) = run("-u redis://pw@/2 ping");
        assert_eq!((options.host.as_str(), options.port, options.db), ("127.0.0.1", 6379, 2));
        let (options, _) = run("-u redis://[::1]:99 ping");
        assert_eq!((options.host.as_str(), options.port), ("::1", 99));
        for (uri, fault) in [
            ("http://x", "Invalid URI scheme"),
            ("redis://%@x", "Incomplete URI encoding"),
            ("redis://%4@x", "Illegal character in URI encoding"),
        ] {
            let words = [b"-u".to_vec(), uri.as_bytes().to_vec()];
            assert!(matches!(parse(&words, false), Parsed::Refuse(text) if text == fault));
        }
    }

    #[test]
    fn json_asks_for_resp3_but_not_firmly() {
        assert_eq!(run("--json ping").0.resp3, Wish::Maybe3);
        assert_eq!(run("-3 --json ping").0.resp3, Wish::Only3);
        let words = [b"-2".to_vec(), b"-3".to_vec()];
        assert!(matches!(parse(&words, false), Parsed::Refuse(_)));
    }

    #[test]
    fn what_is_missing_says_so() {
        let words = [b"--bigkeys".to_vec()];
        let text = "redis-cli: '--bigkeys' is not supported yet";
        assert!(matches!(parse(&words, false), Parsed::Refuse(fault) if fault == text));
    }
}
