//! Places on the earth: added, shown, measured, searched and stored.

use crate::support::Client;

const SYNTAX: &str = "-ERR syntax error\r\n";
const NOT_FLOAT: &str = "-ERR value is not a valid float\r\n";
const BAD_UNIT: &str = "-ERR unsupported unit provided. please use M, KM, FT, MI\r\n";
const NO_MEMBER: &str = "-ERR could not decode requested zset member\r\n";
const NIL: &str = "$-1\r\n";

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn bulks(texts: &[&str]) -> String {
    let items: String = texts.iter().map(|text| bulk(text)).collect();
    format!("*{}\r\n{items}", texts.len())
}

fn sicily(c: &mut Client) {
    c.expect(
        &["GEOADD", "g", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania"],
        ":2\r\n",
    );
}

case!(places_are_scores, |c| {
    sicily(c);
    c.expect(&["ZSCORE", "g", "Palermo"], bulk("3479099956230698"));
    c.expect(&["GEODIST", "g", "Palermo", "Catania"], bulk("166274.1516"));
    for (unit, distance) in [("km", "166.2742"), ("MI", "103.3182"), ("ft", "545518.8700")] {
        c.expect(&["GEODIST", "g", "Palermo", "Catania", unit], bulk(distance));
    }
    c.expect(&["GEODIST", "g", "Palermo", "Palermo"], bulk("0.0000"));
    c.expect(&["GEODIST", "g", "Palermo", "none"], NIL);
    c.expect(&["GEODIST", "none", "a", "b"], NIL);
    let hashes = format!("*3\r\n{}{NIL}{}", bulk("sqc8b49rny0"), bulk("sqdtr74hyu0"));
    c.expect(&["GEOHASH", "g", "Palermo", "none", "Catania"], hashes);
    c.expect(&["GEOPOS", "g", "Palermo", "none"], {
        "*2\r\n*2\r\n$20\r\n13.36138933897018433\r\n$20\r\n38.11555639549629859\r\n*-1\r\n"
    });
    c.expect(&["GEOPOS", "none", "a"], "*1\r\n*-1\r\n");
    c.expect(&["GEOHASH", "none"], "*0\r\n");
    c.expect(&["GEOADD", "g", "CH", "XX", "13", "38", "Palermo", "1", "1", "new"], ":1\r\n");
    c.expect(&["GEOADD", "g", "NX", "14", "38", "Palermo", "1", "1", "new"], ":1\r\n");
});

case!(any_score_is_some_place, |c| {
    for score in ["-1", "0.5", "1e300", "inf", "-inf", "9223372036854775808"] {
        c.expect(&["ZADD", "g", score, "m"], if score == "-1" { ":1\r\n" } else { ":0\r\n" });
        for words in [&["GEOPOS", "g", "m"][..], &["GEOHASH", "g", "m"]] {
            assert!(c.node(words).list().is_some_and(|items| items.len() == 1), "{score}");
        }
        assert_eq!(c.cmd(&["GEODIST", "g", "m", "m"]), bulk("0.0000").as_bytes(), "{score}");
    }
});

case!(searches, |c| {
    sicily(c);
    c.expect(
        &["GEOADD", "g", "12.758489", "38.788135", "edge1", "17.24151", "38.788135", "edge2"],
        ":2\r\n",
    );
    let from = ["GEOSEARCH", "g", "FROMLONLAT", "15", "37"];
    for (words, want) in [
        (&["BYRADIUS", "200", "km", "ASC"][..], &["Catania", "Palermo"][..]),
        (&["BYRADIUS", "200", "km", "DESC"], &["Palermo", "Catania"]),
        (&["BYRADIUS", "200", "km", "COUNT", "1"], &["Catania"]),
        (&["BYRADIUS", "1", "m"], &[]),
        (&["BYBOX", "400", "400", "km", "ASC"], &["Catania", "Palermo", "edge2", "edge1"]),
        (&["BYBOX", "400", "100", "km", "ASC"], &[]),
        (&["BYBOX", "50", "200", "km"], &["Catania"]),
    ] {
        c.expect(&[&from[..], words].concat(), bulks(want));
    }
    c.expect(&["GEOSEARCH", "g", "FROMMEMBER", "Palermo", "BYRADIUS", "90", "km", "ASC"], {
        bulks(&["Palermo"])
    });
    c.expect(&["GEORADIUS", "g", "15", "37", "200", "km", "WITHDIST", "ASC"], {
        format!("*2\r\n{}{}", bulks(&["Catania", "56.4413"]), bulks(&["Palermo", "190.4424"]))
    });
    c.expect(&["GEORADIUSBYMEMBER_RO", "g", "Catania", "1", "m", "WITHHASH"], {
        "*1\r\n*2\r\n$7\r\nCatania\r\n:3479447370796909\r\n"
    });
    let any = c.node(&[&from[..], &["BYRADIUS", "999", "km", "COUNT", "2", "ANY"]].concat());
    assert_eq!(any.list().map(<[_]>::len), Some(2));
});

case!(stored_results, |c| {
    sicily(c);
    let by = ["FROMLONLAT", "15", "37", "BYRADIUS", "200", "km"];
    c.expect(&[&["GEOSEARCHSTORE", "d", "g"], &by[..]].concat(), ":2\r\n");
    c.expect(&["ZSCORE", "d", "Palermo"], bulk("3479099956230698"));
    c.expect(&["OBJECT", "ENCODING", "d"], bulk("listpack"));
    c.expect(&[&["GEOSEARCHSTORE", "d", "g"], &by[..], &["STOREDIST"]].concat(), ":2\r\n");
    let stored = c.node(&["ZRANGE", "d", "0", "-1", "WITHSCORES"]);
    let first = stored.list().expect("pairs")[1].text();
    assert!(first.starts_with(b"56.44"), "the distance in kilometers");
    c.expect(&["GEORADIUSBYMEMBER", "g", "Palermo", "1", "m", "STORE", "d"], ":1\r\n");
    c.expect(&["ZCARD", "d"], ":1\r\n");
    c.expect(&["GEORADIUS", "none", "1", "1", "1", "m", "STORE", "d"], ":0\r\n");
    c.expect(&["EXISTS", "d"], ":0\r\n");
});

case!(resp3_has_doubles, |c| {
    c.cmd(&["HELLO", "3"]);
    sicily(c);
    c.expect(&["GEOPOS", "g", "Palermo", "none"], {
        "*2\r\n*2\r\n,13.36138933897018433\r\n,38.11555639549629859\r\n_\r\n"
    });
    c.expect(&["GEODIST", "g", "Palermo", "Catania"], bulk("166274.1516"));
});

case!(errors, |c| {
    sicily(c);
    let around = ["GEOSEARCH", "g", "FROMLONLAT", "15", "37"];
    for (words, error) in [
        (&["GEOADD", "g", "1", "1"][..], "-ERR wrong number of arguments for 'geoadd' command\r\n"),
        (&["GEOADD", "g", "1", "1", "a", "b"], SYNTAX),
        (&["GEOADD", "g", "NX", "XX", "1", "1", "a"], SYNTAX),
        (&["GEOADD", "g", "x", "1", "a"], NOT_FLOAT),
        (&["GEOADD", "g", "200", "100", "a"], {
            "-ERR invalid longitude,latitude pair 200.000000,100.000000\r\n"
        }),
        (&["GEODIST", "g", "a", "b", "x"], BAD_UNIT),
        (&["GEODIST", "g", "a", "b", "m", "m"], SYNTAX),
        (&["GEORADIUS", "g", "1", "1", "x", "m"], "-ERR need numeric radius\r\n"),
        (&["GEORADIUS", "g", "1", "1", "-1", "m"], "-ERR radius cannot be negative\r\n"),
        (&["GEORADIUS", "g", "1", "1", "1", "x"], BAD_UNIT),
        (&["GEORADIUS", "g", "1", "1", "1", "m", "COUNT", "0"], "-ERR COUNT must be > 0\r\n"),
        (&["GEORADIUS", "g", "1", "1", "1", "m", "ANY"], {
            "-ERR the ANY argument requires COUNT argument\r\n"
        }),
        (&["GEORADIUS", "g", "1", "1", "1", "m", "WITHDIST", "STORE", "d"], {
            "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and \
             WITHCOORD options\r\n"
        }),
        (&["GEORADIUS_RO", "g", "1", "1", "1", "m", "STORE", "d"], SYNTAX),
        (&["GEORADIUSBYMEMBER", "g", "none", "1", "m"], NO_MEMBER),
        (&["GEOSEARCH", "g", "FROMMEMBER", "none", "BYRADIUS", "1", "m"], NO_MEMBER),
        (&["GEOSEARCH", "g", "BYRADIUS", "1", "m", "ASC", "ASC"], {
            "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH\r\n"
        }),
        (&["geosearch", "g", "FROMLONLAT", "1", "1", "ASC", "ASC"], {
            "-ERR exactly one of BYRADIUS and BYBOX can be specified for geosearch\r\n"
        }),
    ] {
        c.expect(words, error);
    }
    for (words, error) in [
        (&["BYBOX", "x", "1", "m"][..], "-ERR need numeric width\r\n"),
        (&["BYBOX", "1", "x", "m"], "-ERR need numeric height\r\n"),
        (&["BYBOX", "1", "-1", "m"], "-ERR height or width cannot be negative\r\n"),
        (&["BYBOX", "1", "1", "m", "BYRADIUS", "1", "m"], SYNTAX),
        (&["BYRADIUS", "1", "m", "FROMMEMBER", "Palermo"], SYNTAX),
        (&["BYRADIUS", "1", "m", "STOREDIST"], SYNTAX),
    ] {
        c.expect(&[&around[..], words].concat(), error);
    }
});
