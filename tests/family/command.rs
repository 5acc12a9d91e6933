//! COMMAND: the command table as clients see it.

use crate::support::frames::{Node, Value};

fn array(items: &[&str]) -> String {
    let bulks: String = items.iter().map(|item| format!("${}\r\n{item}\r\n", item.len())).collect();
    format!("*{}\r\n{bulks}", items.len())
}

fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        other => panic!("not a list: {other:?}"),
    }
}

case!(info_of_a_command, |c| {
    c.expect(
        &["COMMAND", "INFO", "GET", "nosuch", "get|x", "config|nosuch", "config get", ""],
        "*6\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n\
         *3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n\
         +access\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n\
         $5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n\
         *6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n\
         $-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n",
    );
    c.expect(
        &["command", "info", "CONFIG|get"],
        "*1\r\n*10\r\n$10\r\nconfig|get\r\n:-3\r\n*4\r\n+admin\r\n+noscript\r\n+loading\r\n\
         +stale\r\n:0\r\n:0\r\n:0\r\n*3\r\n+@admin\r\n+@slow\r\n+@dangerous\r\n*0\r\n*0\r\n*0\r\n",
    );
});

case!(info_in_resp3_has_sets_and_maps, |c| {
    c.cmd(&["HELLO", "3"]);
    c.expect(
        &["COMMAND", "INFO", "del", "nosuch"],
        "*2\r\n*10\r\n$3\r\ndel\r\n:-2\r\n~1\r\n+write\r\n:1\r\n:-1\r\n:1\r\n~3\r\n+@keyspace\r\n\
         +@write\r\n+@slow\r\n~2\r\n$26\r\nrequest_policy:multi_shard\r\n\
         $23\r\nresponse_policy:agg_sum\r\n~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RM\r\n+delete\r\n\
         $12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n\
         $5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n%2\r\n\
         $4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n%3\r\n\
         $7\r\nlastkey\r\n:-1\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n~0\r\n_\r\n",
    );
});

case!(every_way_to_list_agrees, |c| {
    let count = c.int(&["COMMAND", "COUNT"]) as usize;
    let described = c.node(&["COMMAND"]);
    assert_eq!(items(&described).len(), count);
    assert_eq!(c.node(&["COMMAND", "INFO"]), described);
    assert_eq!(items(&c.node(&["COMMAND", "DOCS"])).len(), 2 * count);
    let subcommands: usize = items(&described).iter().map(|one| items(&items(one)[9]).len()).sum();
    let names = c.node(&["COMMAND", "LIST"]);
    assert_eq!(items(&names).len(), count + subcommands);
    for name in items(&names) {
        let found = c.node(&[b"COMMAND".to_vec(), b"INFO".to_vec(), name.text()]);
        assert_eq!(items(&items(&found)[0])[0].text(), name.text());
    }
});

case!(list_filters, |c| {
    let module = array(&["module", "module|help", "module|list", "module|load"]);
    let mut listed = c.node(&["COMMAND", "LIST", "FILTERBY", "PATTERN", "MODULE*"]);
    if let Value::List(items) = &mut listed.value {
        items.sort();
        assert_eq!(items.len(), 6);
        items.truncate(4);
    }
    assert_eq!(listed, crate::support::frames::parse(module.as_bytes()).expect("RESP").0);
    let pubsub = c.node(&["COMMAND", "LIST", "filterby", "aclcat", "PubSub"]);
    assert!(items(&pubsub).iter().any(|name| name.text() == b"publish"));
    assert!(!items(&pubsub).iter().any(|name| name.text() == b"get"));
    for nothing in [["ACLCAT", "nosuch"], ["ACLCAT", "@string"], ["MODULE", "m"]] {
        c.expect(&["COMMAND", "LIST", "FILTERBY", nothing[0], nothing[1]], "*0\r\n");
    }
    for wrong in [&["x"][..], &["FILTERBY"], &["FILTERBY", "x", "x"], &["FILTERBY", "MODULE"]] {
        c.expect(&[&["COMMAND", "LIST"], wrong].concat(), "-ERR syntax error\r\n");
    }
});

case!(docs_of_commands, |c| {
    c.expect(&["COMMAND", "DOCS", "nosuch", "get|x"], "*0\r\n");
    let reply = c.cmd(&["COMMAND", "DOCS", "GET", "nosuch"]);
    assert!(reply.starts_with(b"*2\r\n$3\r\nget\r\n*10\r\n$7\r\nsummary\r\n"));
    assert!(reply.ends_with(
        b"$5\r\nsince\r\n$5\r\n1.0.0\r\n$5\r\ngroup\r\n$6\r\nstring\r\n$10\r\ncomplexity\r\n\
          $4\r\nO(1)\r\n$9\r\narguments\r\n*1\r\n*8\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n\
          $3\r\nkey\r\n$12\r\ndisplay_text\r\n$3\r\nkey\r\n$14\r\nkey_spec_index\r\n:0\r\n"
    ));
    c.cmd(&["HELLO", "3"]);
    c.expect(&["COMMAND", "DOCS", "nosuch"], "%0\r\n");
    let reply = c.cmd(&["COMMAND", "DOCS", "substr"]);
    let deprecated = "$9\r\ndoc_flags\r\n~1\r\n+deprecated\r\n$16\r\ndeprecated_since\r\n$5\r\n\
                      2.0.0\r\n$11\r\nreplaced_by\r\n$10\r\n`GETRANGE`\r\n";
    assert!(String::from_utf8_lossy(&reply).contains(deprecated));
    let reply = c.cmd(&["COMMAND", "DOCS", "ttl"]);
    let history = "$7\r\nhistory\r\n~1\r\n*2\r\n$5\r\n2.8.0\r\n";
    assert!(String::from_utf8_lossy(&reply).contains(history));
    let reply = c.cmd(&["COMMAND", "DOCS", "flushall"]);
    let nested = "$10\r\nflush-type\r\n$4\r\ntype\r\n$5\r\noneof\r\n$5\r\nflags\r\n~1\r\n\
                  +optional\r\n$9\r\narguments\r\n*2\r\n%5\r\n$4\r\nname\r\n$5\r\nasync\r\n";
    assert!(String::from_utf8_lossy(&reply).contains(nested));
});

case!(keys_of_calls, |c| {
    for (call, keys) in [
        (&["GET", "a"][..], &["a"][..]),
        (&["mset", "a", "1", "b", "2"], &["a", "b"]),
        (&["DEL", "a", "b", "a"], &["a", "b", "a"]),
        (&["OBJECT", "ENCODING", "a"], &["a"]),
        (&["COPY", "a", "b"], &["a", "b"]),
    ] {
        c.expect(&[&["COMMAND", "GETKEYS"], call].concat(), array(keys));
    }
    for (call, why) in [
        (&["nosuch"][..], "Invalid command specified"),
        (&[""], "Invalid command specified"),
        (&["OBJECT", "x", "a"], "Invalid command specified"),
        (&["object"], "The command has no key arguments"),
        (&["OBJECT", "HELP"], "The command has no key arguments"),
        (&["PING"], "The command has no key arguments"),
        (&["GET"], "Invalid number of arguments specified for command"),
        (&["GET", "a", "b"], "Invalid number of arguments specified for command"),
    ] {
        for ask in ["GETKEYS", "GETKEYSANDFLAGS"] {
            c.expect(&[&["COMMAND", ask], call].concat(), format!("-ERR {why}\r\n"));
        }
    }
    let wrong = "-ERR wrong number of arguments for 'command|getkeys' command\r\n";
    c.expect(&["COMMAND", "GETKEYS"], wrong);
});

case!(flags_of_keys, |c| {
    let set = |flags: &str| format!("*1\r\n*2\r\n$1\r\na\r\n{flags}");
    c.expect(&["COMMAND", "GETKEYSANDFLAGS", "SET", "a", "get"], set("*2\r\n+OW\r\n+update\r\n"));
    c.expect(
        &["COMMAND", "GETKEYSANDFLAGS", "SET", "a", "v", "GET"],
        set("*3\r\n+RW\r\n+access\r\n+update\r\n"),
    );
    c.cmd(&["HELLO", "3"]);
    c.expect(&["COMMAND", "GETKEYSANDFLAGS", "GET", "a"], set("~2\r\n+RO\r\n+access\r\n"));
});

case!(wrong_subcommands, |c| {
    c.expect(&["COMMAND", "x"], "-ERR unknown subcommand 'x'. Try COMMAND HELP.\r\n");
    let wrong = "-ERR wrong number of arguments for 'command|count' command\r\n";
    c.expect(&["COMMAND", "COUNT", "x"], wrong);
    assert!(c.cmd(&["COMMAND", "HELP"]).starts_with(b"*"));
});
