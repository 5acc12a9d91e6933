//! The `redis` crate over TCP: its own ideas of pipelines, conversions and reconnecting.

mod support;

use redis::{Commands, ConnectionAddr, ConnectionInfo, ProtocolVersion, RedisConnectionInfo};
use support::server::Server;

fn info(server: &Server, db: i64, protocol: ProtocolVersion) -> ConnectionInfo {
    let addr = server.addr();
    ConnectionInfo {
        addr: ConnectionAddr::Tcp(addr.ip().to_string(), addr.port()),
        redis: RedisConnectionInfo { db, protocol, ..RedisConnectionInfo::default() },
    }
}

fn connect(server: &Server, db: i64, protocol: ProtocolVersion) -> redis::Connection {
    let client = redis::Client::open(info(server, db, protocol)).expect("a good address");
    client.get_connection().expect("the server accepts")
}

/// Runs the body with RESP2 and with RESP3.
fn both(body: fn(&Server, ProtocolVersion)) {
    for protocol in [ProtocolVersion::RESP2, ProtocolVersion::RESP3] {
        body(&Server::start::<&str>(&[]), protocol);
    }
}

type Done = redis::RedisResult<()>;

#[track_caller]
fn done(result: Done) {
    result.expect("the server answers as the crate expects");
}

#[test]
fn strings_and_numbers() {
    both(|server, protocol| {
        let mut con = connect(server, 0, protocol);
        done((|| -> Done {
            let () = con.set("k", "value")?;
            assert_eq!(con.get::<_, String>("k")?, "value");
            assert_eq!(con.get::<_, Option<String>>("none")?, None);
            assert!(con.set_nx::<_, _, bool>("k", "other").map(|set| !set)?);
            assert_eq!(con.append::<_, _, i64>("k", "!")?, 6);
            assert_eq!(con.strlen::<_, usize>("k")?, 6);
            assert_eq!(con.getrange::<_, String>("k", 1, 3)?, "alu");
            assert_eq!(con.incr::<_, _, i64>("n", 5)?, 5);
            assert_eq!(con.decr::<_, _, i64>("n", 7)?, -2);
            assert_eq!(con.incr::<_, _, f64>("f", 0.1)?, 0.1);
            assert_eq!(con.incr::<_, _, String>("f", 0.2)?, "0.3");
            let () = con.mset(&[("a", 1), ("b", 2)])?;
            let both: (i64, Option<i64>, Option<i64>) =
                redis::cmd("MGET").arg(&["a", "b", "c"]).query(&mut con)?;
            assert_eq!(both, (1, Some(2), None));
            let raw: Vec<u8> = (0..=255).collect();
            let () = con.set(&raw, &raw)?;
            assert_eq!(con.get::<_, Vec<u8>>(&raw)?, raw);
            Ok(())
        })());
    });
}

#[test]
fn errors_have_their_kinds() {
    both(|server, protocol| {
        let mut con = connect(server, 0, protocol);
        done(con.set("word", "abc"));
        let error = con.incr::<_, _, i64>("word", 1).expect_err("not a number");
        assert_eq!(error.kind(), redis::ErrorKind::ResponseError);
        assert_eq!(error.detail(), Some("value is not an integer or out of range"));
        let error = redis::cmd("NOSUCH").query::<()>(&mut con).expect_err("no such command");
        assert_eq!(error.kind(), redis::ErrorKind::ResponseError);
        assert!(error.to_string().contains("unknown command"), "{error}");
    });
}

#[test]
fn expiry() {
    both(|server, protocol| {
        let mut con = connect(server, 0, protocol);
        done((|| -> Done {
            let () = con.set_ex("k", "v", 100)?;
            assert!((99..=100).contains(&con.ttl::<_, i64>("k")?));
            assert!(con.persist::<_, bool>("k")?);
            assert_eq!(con.ttl::<_, i64>("k")?, -1);
            assert_eq!(con.ttl::<_, i64>("none")?, -2);
            assert!(con.pexpire::<_, bool>("k", 60_000)?);
            assert!((59_000..=60_000).contains(&con.pttl::<_, i64>("k")?));
            assert!(con.expire_at::<_, bool>("k", 1)?);
            assert!(!con.exists::<_, bool>("k")?);
            Ok(())
        })());
    });
}

#[test]
fn scan_gives_every_key_once() {
    both(|server, protocol| {
        let mut con = connect(server, 0, protocol);
        let mut pipe = redis::pipe();
        for i in 0..2500 {
            pipe.set(format!("key:{i}"), i).ignore();
        }
        done(pipe.query(&mut con));
        let mut seen: Vec<String> = con.scan_match("key:*").expect("a first page").collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 2500);
        let keys: Vec<String> = con.keys("key:24??").expect("a list");
        assert_eq!(keys.len(), 100);
    });
}

#[test]
fn pipelines_and_databases() {
    both(|server, protocol| {
        let mut con = connect(server, 0, protocol);
        let mut other = connect(server, 9, protocol);
        done((|| -> Done {
            let (old, n, text): (Option<String>, i64, String) = redis::pipe()
                .cmd("SET")
                .arg(&["k", "v", "GET"])
                .incr("n", 1)
                .get("k")
                .query(&mut con)?;
            assert_eq!((old, n, text.as_str()), (None, 1, "v"));
            assert_eq!(other.get::<_, Option<String>>("k")?, None);
            let () = other.set("k", "nine")?;
            let () = redis::cmd("SWAPDB").arg(0).arg(9).query(&mut con)?;
            assert_eq!(con.get::<_, String>("k")?, "nine");
            let () = redis::cmd("FLUSHDB").query(&mut other)?;
            assert_eq!(redis::cmd("DBSIZE").query::<i64>(&mut other)?, 0);
            assert_eq!(redis::cmd("DBSIZE").query::<i64>(&mut con)?, 1);
            Ok(())
        })());
    });
}

#[test]
fn a_password_is_asked_for() {
    let server = Server::start(&["--requirepass", "secret"]);
    let mut info = info(&server, 0, ProtocolVersion::RESP3);
    let refused = redis::Client::open(info.clone()).and_then(|client| client.get_connection());
    assert!(refused.is_err(), "without a password");
    info.redis.password = Some("secret".into());
    let client = redis::Client::open(info).expect("a good address");
    let mut con = client.get_connection().expect("the password is right");
    done(con.set("k", "v"));
}

#[test]
fn many_threads_count_together() {
    let server = Server::start::<&str>(&[]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut con = connect(&server, 0, ProtocolVersion::RESP2);
                for _ in 0..500 {
                    done(con.incr("shared", 1));
                }
            });
        }
    });
    let mut con = connect(&server, 0, ProtocolVersion::RESP2);
    assert_eq!(con.get::<_, i64>("shared").expect("a number"), 4000);
}
