use super::*;
use proptest::prelude::*;
use serde_json::json;

const TOP: &[&str] = &["mcpServers"];
const PROJECT: &[&str] = &["projects", "/abs/path", "mcpServers"];

fn read(text: &str) -> Result<Document> {
    Document::parse(text.as_bytes(), Path::new("dir/file.json"))
}

fn open(text: &str) -> Document {
    read(text).expect(text)
}

fn entry() -> Value {
    json!({"type": "stdio", "command": "npx", "args": ["-y", "x"], "env": {}})
}

/// `text` after one `set`, and a check that `remove` takes it back.
fn with_entry(text: &str, container: &[&str]) -> String {
    let mut document = open(text);
    let mut scaffold = Scaffold::default();
    document.set(container, "new", &entry(), &mut scaffold).expect("a set");
    let edited = document.text.clone();
    let mut document = open(&edited);
    assert!(document.remove(container, "new", &mut scaffold));
    assert_eq!(document.text, text);
    assert_eq!(scaffold, Scaffold::default());
    edited
}

#[test]
fn a_new_file_is_written_as_a_person_would() {
    let mut document = Document::empty();
    let mut scaffold = Scaffold::default();
    document.set(TOP, "new", &entry(), &mut scaffold).expect("a set");
    let expected = r#"{
  "mcpServers": {
    "new": {
      "type": "stdio",
      "command": "npx",
      "args": [
        "-y",
        "x"
      ],
      "env": {}
    }
  }
}
"#;
    assert_eq!(document.to_bytes(), expected.as_bytes());
    reload(&mut document, &mut scaffold);
    assert!(document.remove(TOP, "new", &mut scaffold));
    assert_eq!(document, Document::empty());
    assert_eq!(scaffold, Scaffold::default());

    // Somebody else's member stays.
    document.set(TOP, "new", &entry(), &mut scaffold).expect("a set");
    document = open(&document.text.replacen('{', "{\"theirs\": 1,", 1));
    assert!(document.remove(TOP, "new", &mut scaffold));
    assert_eq!(document.text, "{\"theirs\": 1\n}\n");
}

#[test]
fn the_style_of_the_file_is_kept() {
    let tabs = "{\n\t\"mcpServers\": {\n\t\t\"a\": {}\n\t},\n\t\"z\": 1.0\n}";
    let new = "{\n\t\t\t\"type\": \"stdio\",\n\t\t\t\"command\": \"npx\",\n\
               \t\t\t\"args\": [\n\t\t\t\t\"-y\",\n\t\t\t\t\"x\"\n\t\t\t],\n\t\t\t\"env\": {}\n\t\t}";
    let expected = format!("{{\n\t\"mcpServers\": {{\n\t\t\"a\": {{}},\n\t\t\"new\": {new}\n\t}},\n\t\"z\": 1.0\n}}");
    assert_eq!(with_entry(tabs, TOP), expected);
    assert_eq!(with_entry(&tabs.replace('\n', "\r\n"), TOP), expected.replace('\n', "\r\n"));
    assert_eq!(with_entry(&tabs.replace('\t', "    "), TOP), expected.replace('\t', "    "));

    let new = r#"{"type":"stdio","command":"npx","args":["-y","x"],"env":{}}"#;
    assert_eq!(with_entry(r#"{"z":1}"#, TOP), format!(r#"{{"z":1,"mcpServers":{{"new":{new}}}}}"#));
    assert_eq!(with_entry(r#"{"mcpServers":{}}"#, TOP), format!(r#"{{"mcpServers":{{"new":{new}}}}}"#));
    assert_eq!(with_entry(r#"{ "z" : 1 }"#, &[]), format!(r#"{{ "z" : 1, "new" : {new} }}"#));
    assert_eq!(
        with_entry("{\n  \"mcpServers\": {\"a\": {}, \"b\": {}}\n}\n", TOP),
        format!("{{\n  \"mcpServers\": {{\"a\": {{}}, \"b\": {{}}, \"new\": {new}}}\n}}\n")
    );
}

#[test]
fn odd_files_come_back_byte_for_byte() {
    for text in [
        "{}",
        "{ }",
        "{\n}",
        "\n{\r\n \r}\t",
        "{\"mcpServers\":{ }}",
        "{\n  \"mcpServers\": {\n\n  }\n}",
        "{\"projects\":{}}",
        "{\n \"projects\": { \"/abs/path\" :\n{} } ,\"a\":\n[ 9223372036854775809 , 1.0,1e400, -0, 1E-7 ]}\n\n",
        r#"{"\u006dcpServers":{"caf\u00e9":"\/ \ud83d \ud83d\ude00","\udc00":{}}}"#,
        "{\"a\":1\r,\"b\":2}",
        "{\n\"a\": {\n\"b\": 1\n}\n}",
    ] {
        for container in [&[], TOP, PROJECT] {
            with_entry(text, container);
        }
    }
    let mut document = Document::parse(b"\xEF\xBB\xBF{}", Path::new("x")).expect("a BOM");
    let mut scaffold = Scaffold::default();
    document.set(TOP, "a", &json!(1), &mut scaffold).expect("a set");
    assert!(document.to_bytes().starts_with(b"\xEF\xBB\xBF{\n"));
    assert!(document.remove(TOP, "a", &mut scaffold));
    assert_eq!(document.to_bytes(), b"\xEF\xBB\xBF{}");
}

#[test]
fn anything_but_strict_json_is_refused_with_its_place() {
    let deep_array = "[".repeat(100_000);
    let deep_closed = format!("{{\"a\":{deep_array}{}}}", "]".repeat(100_000));
    let deep_objects = format!("{}1{}", "{\"a\":".repeat(129), "}".repeat(129));
    for (text, place, reason) in [
        ("{\n  // no\n}", "2:3", "a comment"),
        ("{\"a\": 1 /* no */}", "1:9", "a comment"),
        ("{\"a\": 1, # no\n}", "1:10", "a comment"),
        ("{\"\u{e9}\": 1,\n}", "2:1", "a trailing comma"),
        ("{\"a\": [1, ]}", "1:11", "a trailing comma"),
        ("{\"a\": 1,\n \"a\": 2}", "2:2", "the key `a` is there twice"),
        ("{\"a\": 1, \"\\u0061\": 2}", "1:10", "the key `a` is there twice"),
        ("{\"x\": [{\"b\": {}, \"c\": 1, \"b\": 2}]}", "1:26", "the key `b` is there twice"),
        ("{\"a\": {\"b\": 1}", "1:15", "too early"),
        ("{\"a\": \"b", "1:9", "too early"),
        ("{\"a\":", "1:6", "too early"),
        ("", "1:1", "too early"),
        (" \n", "2:1", "too early"),
        ("[{}]", "1:1", "top level"),
        (" \"a\"", "1:2", "top level"),
        ("{} {}", "1:4", "not JSON"),
        ("{'a': 1}", "1:2", "not JSON"),
        ("{a: 1}", "1:2", "not JSON"),
        ("{\"a\" 1}", "1:6", "not JSON"),
        ("{\"a\": 1 \"b\": 2}", "1:9", "not JSON"),
        ("{\"a\": 0x1}", "1:8", "not JSON"),
        ("{\"a\": +1}", "1:7", "not JSON"),
        ("{\"a\": .5}", "1:7", "not JSON"),
        ("{\"a\": 5.}", "1:9", "not JSON"),
        ("{\"a\": 01}", "1:8", "not JSON"),
        ("{\"a\": NaN}", "1:7", "not JSON"),
        ("{\"a\": -Infinity}", "1:8", "not JSON"),
        ("{\"a\": \"\\x41\"}", "1:9", "not JSON"),
        ("{\"a\": \"x\ty\"}", "1:8", "not JSON"),
        ("{\"a\":\u{b}1}", "1:6", "not JSON"),
        ("{\"a\":\u{a0}1}", "1:6", "not JSON"),
        ("\u{feff}\u{feff}{}", "1:1", "not JSON"),
        (&deep_array, "", ""),
        (&deep_closed, "1:133", "nested deeper than 128 levels"),
        (&deep_objects, "1:641", "nested deeper than 128 levels"),
    ] {
        let error = read(text).expect_err(text);
        assert_eq!(error.kind(), Kind::ClientFile);
        assert_eq!(error.place(), Some("dir/file.json"));
        let cause = &error.causes()[0];
        assert!(cause.starts_with(&format!("dir/file.json:{place}")) && cause.contains(reason), "{text}: {cause}");
        assert!(error.help_text().is_some_and(|help| help.contains("nothing was changed")));
    }
    let error = Document::parse(b"{\"a\":\n\"\xff\"}", Path::new("f")).expect_err("not UTF-8");
    assert_eq!(error.causes(), ["f:2:2: not UTF-8"]);
    open(&deep_objects[5..deep_objects.len() - 1]);
}

#[test]
fn what_is_there_is_never_taken_for_absent() {
    let document = open(r#"{"a": {"big": 1e400, "half": "\ud83d", "null": null, "list": [{"b": 1}]}}"#);
    assert_eq!(document.get(&["a", "big"]), Some(json!("1e400")));
    assert_eq!(document.get(&["a", "half"]), Some(json!("\"\\ud83d\"")));
    assert_eq!(document.get(&["a", "null"]), Some(Value::Null));
    assert_eq!(document.get(&["a", "list"]), Some(json!([{"b": 1}])));
    let all = json!({"a": {"big": "1e400", "half": "\"\\ud83d\"", "null": null, "list": [{"b": 1}]}});
    assert_eq!(document.get(&[]), Some(all));
    assert_eq!(open("{\"a\": [1, 1e400]}").get(&[]), Some(json!({"a": "[1, 1e400]"})));
    assert_eq!(document.get(&["a", "list", "b"]), None);
    assert_eq!(document.get(&["b"]), None);
    assert_eq!(document.keys(&["a"]), ["big", "half", "null", "list"]);
    assert!(document.keys(&["a", "list"]).is_empty() && document.keys(&["x", "y"]).is_empty());
}

#[test]
fn a_container_that_is_no_object_is_refused() {
    for value in ["[]", "null", "\"x\"", "1"] {
        for container in [TOP, &["mcpServers", "deeper"]] {
            let mut document = open(&format!("{{\n \"mcpServers\": {value}}}"));
            let mut scaffold = Scaffold::default();
            let before = document.clone();
            let error = document.set(container, "a", &json!({}), &mut scaffold).expect_err(value);
            assert_eq!(error.kind(), Kind::ClientFile);
            assert_eq!(error.causes(), ["its value is at 2:16"]);
            assert!(!document.remove(container, "a", &mut scaffold));
            assert!(document == before && scaffold == Scaffold::default());
        }
    }
}

#[test]
fn replacing_a_value_keeps_all_else() {
    let mut document = open("{\n\t\"mcpServers\" : {\"a\" :1 ,\n\t\t\"b\":  [ 2 ]\n\t, \"c\":3}}");
    let mut scaffold = Scaffold::default();
    document.set(TOP, "b", &json!({"x": 1}), &mut scaffold).expect("a set");
    document.set(TOP, "c", &json!({"y": 1}), &mut scaffold).expect("a set");
    let expected = "{\n\t\"mcpServers\" : {\"a\" :1 ,\n\t\t\"b\":  {\n\t\t\t\"x\": 1\n\t\t}\n\t, \"c\":{\"y\":1}}}";
    assert_eq!(document.text, expected);
    assert_eq!(scaffold, Scaffold::default());
}

#[test]
fn members_that_others_put_beside_ours_stay() {
    let mut document = open("{\"mcpServers\": {}}");
    let mut scaffold = Scaffold::default();
    document.set(TOP, "ours", &json!(1), &mut scaffold).expect("a set");
    assert_eq!(document.text, "{\"mcpServers\": {\"ours\":1}}");
    let mut document = open("{\"mcpServers\": {\"ours\":1 , \"theirs\": 2}}");
    assert!(document.remove(TOP, "ours", &mut scaffold));
    assert_eq!(document.text, "{\"mcpServers\": {\"theirs\": 2}}");
    assert!(!document.remove(TOP, "ours", &mut scaffold));

    let mut document = open("{\n  \"mcpServers\": {\n    \"ours\": 1,\n    \"theirs\": 2\n  }\n}");
    assert!(document.remove(TOP, "ours", &mut scaffold));
    assert_eq!(document.text, "{\n  \"mcpServers\": {\n    \"theirs\": 2\n  }\n}");

    // An object we did not make stays, even when its last member was ours.
    let mut document = open("{\"mcpServers\": { \"ours\": 1 }}");
    assert!(document.remove(TOP, "ours", &mut Scaffold::default()));
    assert_eq!(document.text, "{\"mcpServers\": {}}");
}

#[test]
fn what_is_remembered_has_a_small_stable_form() {
    let mut scaffold = Scaffold::default();
    open("{ }").set(&["projects", "/a"], "x", &json!(1), &mut scaffold).expect("a set");
    let expected = json!([{"object": [], "inside": " "}, {"object": ["projects"]}, {"object": ["projects", "/a"]}]);
    assert_eq!(serde_json::to_value(&scaffold).expect("a receipt"), expected);
}

#[test]
fn a_forged_receipt_cannot_put_text_into_the_file() {
    let mut document = open(r#"{"mcpServers": {"ours": 1}}"#);
    let forged = r#"[{"object": ["mcpServers"], "inside": "\"evil\": {}"}]"#;
    let mut scaffold = serde_json::from_str(forged).expect("a scaffold");
    assert!(document.remove(TOP, "ours", &mut scaffold));
    assert_eq!(document.text, r#"{"mcpServers": {}}"#);
}

#[test]
fn an_object_emptied_by_hand_keeps_its_first_story() {
    let mut scaffold = Scaffold::default();
    let mut document = open("{ }");
    document.set(TOP, "a", &json!(1), &mut scaffold).expect("a set");
    let mut document = open("{\"mcpServers\":{}}");
    document.set(TOP, "b", &json!(1), &mut scaffold).expect("a set");
    assert!(document.remove(TOP, "b", &mut scaffold));
    assert_eq!(document.text, "{ }");
    assert_eq!(scaffold, Scaffold::default());

    // One that went as a whole and that we make again is ours.
    document = open("{\"a\":1,\"mcpServers\":{ }}");
    document.set(TOP, "b", &json!(1), &mut scaffold).expect("a set");
    add_and_remove("{\"a\":1}", &mut scaffold);
    assert_eq!(scaffold, Scaffold::default());
}

fn add_and_remove(text: &str, scaffold: &mut Scaffold) {
    let mut document = open(text);
    document.set(TOP, "b", &json!(1), scaffold).expect("a set");
    assert!(document.remove(TOP, "b", scaffold));
    assert_eq!(document.text, text);
}

/// JSON as others write it: a tree of members whose scalars are raw text.
#[derive(Debug, Clone)]
enum Node {
    Raw(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// How others lay it out; `Wild` draws any white space between any two tokens.
#[derive(Debug, Clone)]
enum Style {
    OneLine(&'static str),
    Lines { newline: &'static str, unit: &'static str },
    Wild(Vec<&'static str>),
}

impl Style {
    fn break_line(&self, text: &mut String, level: usize) {
        match self {
            Style::OneLine(_) => {}
            Style::Lines { newline, unit } => text.push_str(&format!("{newline}{}", unit.repeat(level))),
            Style::Wild(gaps) => text.push_str(gaps[text.len() % gaps.len()]),
        }
    }

    fn space(&self, text: &mut String) {
        match self {
            Style::OneLine(space) => text.push_str(space),
            Style::Lines { .. } => text.push(' '),
            Style::Wild(gaps) => text.push_str(gaps[text.len() % gaps.len()]),
        }
    }

    fn write(&self, node: &Node, text: &mut String, level: usize) {
        let (open, close, items): (_, _, Vec<(Option<&String>, &Node)>) = match node {
            Node::Raw(raw) => return text.push_str(raw),
            Node::Array(items) => ('[', ']', items.iter().map(|item| (None, item)).collect()),
            Node::Object(members) => ('{', '}', members.iter().map(|(key, value)| (Some(key), value)).collect()),
        };
        text.push(open);
        let filled = !items.is_empty();
        for (index, (key, value)) in items.into_iter().enumerate() {
            if index > 0 {
                text.push(',');
                if matches!(self, Style::OneLine(_)) {
                    self.space(text);
                }
            }
            self.break_line(text, level + 1);
            if let Some(key) = key {
                text.push_str(key);
                if matches!(self, Style::Wild(_)) {
                    self.space(text);
                }
                text.push(':');
                self.space(text);
            }
            self.write(value, text, level + 1);
        }
        if filled || matches!(self, Style::Wild(_)) {
            self.break_line(text, level);
        }
        text.push(close);
    }
}

fn any_style() -> impl Strategy<Value = Style> {
    let gap = prop::sample::select(vec!["", " ", "\t", "\n", "\r\n", "\r", "\n\n", "\n    ", "\r\n\t\t"]);
    prop_oneof![
        prop::sample::select(vec!["", " "]).prop_map(Style::OneLine),
        (prop::sample::select(vec!["\n", "\r\n"]), prop::sample::select(vec!["  ", "    ", "\t", " ", ""]))
            .prop_map(|(newline, unit)| Style::Lines { newline, unit }),
        prop::collection::vec(gap, 1..8).prop_map(Style::Wild),
    ]
}

fn any_members(value: impl Strategy<Value = Node>) -> impl Strategy<Value = Vec<(String, Node)>> {
    let keys = ["\"a\"", "\"caf\\u00e9\"", "\"caf\u{e9} 2\"", "\"\"", "\"x\\\"}\"", "\"\\\\\"", "\"\\udc00\"", "\"9\""];
    let keys = prop::sample::subsequence(keys.to_vec(), 0..=4).prop_shuffle();
    (keys, prop::collection::vec(value, 4))
        .prop_map(|(keys, values)| keys.into_iter().map(str::to_owned).zip(values).collect())
}

fn any_node() -> impl Strategy<Value = Node> {
    let scalars = [
        "null",
        "true",
        "9223372036854775809",
        "1.0",
        "1e400",
        "-0",
        "1E+2",
        "0.1000",
        "\"\"",
        "\"\u{1f600}\"",
        "\"\\ud83d\"",
        "\"{[,:\\\"\"",
        "\"\\\\\"",
        "\"/* no */\"",
        "\"\\n\"",
    ];
    let scalar = prop::sample::select(scalars.to_vec()).prop_map(|raw| Node::Raw(raw.to_owned()));
    scalar.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Node::Array),
            any_members(inner).prop_map(Node::Object),
        ]
    })
}

/// An object that may hold `key`, with a value from `value`, between other members.
fn any_holder(key: &'static str, value: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    let place = prop::option::weighted(0.7, (value, any::<prop::sample::Index>()));
    (prop_oneof![1 => Just(Vec::new()), 2 => any_members(any_node())], place).prop_map(move |(mut members, place)| {
        if let Some((value, index)) = place {
            members.insert(index.index(members.len() + 1), (key.to_owned(), value));
        }
        Node::Object(members)
    })
}

fn any_servers() -> impl Strategy<Value = Node> {
    prop_oneof![Just(Node::Object(Vec::new())), any_members(any_node()).prop_map(Node::Object)]
}

/// The text of a whole file.
fn any_file() -> impl Strategy<Value = String> {
    let projects = any_holder("\"/abs/path\"", any_holder("\"mcp\\u0053ervers\"", any_servers()));
    let root = (any_holder("\"mcpServers\"", any_servers()), prop::option::of(projects), any::<bool>());
    let ends = prop::sample::select(vec!["", "\n", "\r\n", " \n\n"]);
    (root, any_style(), any::<bool>(), ends).prop_map(|((mut root, projects, first), style, bom, end)| {
        if let (Node::Object(members), Some(projects)) = (&mut root, projects) {
            members.insert(if first { 0 } else { members.len() }, ("\"projects\"".to_owned(), projects));
        }
        let mut text = if bom { "\u{feff}".to_owned() } else { String::new() };
        style.write(&root, &mut text, 0);
        text + end
    })
}

type Slot = (&'static [&'static str], &'static str);

/// Every name of ours in both containers.
fn all_slots() -> Vec<Slot> {
    [TOP, PROJECT].iter().flat_map(|at| ["one", "two", "th-3", "\"4\""].map(|name| (*at, name))).collect()
}

/// Values to set and, where there is none, members to remove.
fn any_steps() -> impl Strategy<Value = Vec<(Slot, Option<Value>)>> {
    let values = [Some(entry()), Some(json!({})), Some(json!([[1, {"  a": "\n  b\u{2028}"}], "\u{1f600}"])), None];
    let step = (prop::sample::select(all_slots()), prop::sample::select(values.to_vec()));
    prop::collection::vec(step, 1..10)
}

/// What the next run of cpm sees: all bytes parsed anew, the scaffold back from the receipt.
fn reload(document: &mut Document, scaffold: &mut Scaffold) {
    *document = Document::parse(&document.to_bytes(), Path::new("x")).expect("still valid");
    let receipt = serde_json::to_string(scaffold).expect("a receipt");
    *scaffold = serde_json::from_str(&receipt).expect("the receipt");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn all_added_and_removed_in_any_order_gives_the_original_bytes(
        file in any_file(), steps in any_steps(), last in Just(all_slots()).prop_shuffle()
    ) {
        let mut document = open(&file);
        let mut scaffold = Scaffold::default();
        for ((container, name), value) in &steps {
            match value {
                Some(value) => document.set(container, name, value, &mut scaffold).expect("a set"),
                None => drop(document.remove(container, name, &mut scaffold)),
            }
            reload(&mut document, &mut scaffold);
            let member = [container, &[*name][..]].concat();
            prop_assert_eq!(&document.get(&member), value);
        }
        for (container, name) in last {
            document.remove(container, name, &mut scaffold);
            reload(&mut document, &mut scaffold);
        }
        prop_assert_eq!(String::from_utf8(document.to_bytes()).expect("UTF-8"), file);
        prop_assert_eq!(scaffold, Scaffold::default());
    }

    #[test]
    fn removal_after_a_rewrite_by_others_leaves_what_is_theirs(
        file in any_file(), steps in any_steps(), last in Just(all_slots()).prop_shuffle(), add in any::<bool>()
    ) {
        // Others rewrite only what they can hold.
        let mut document = open(&file.replace("1e400", "1e40").replace("\\ud83d", "").replace("\\udc00", "c"));
        let mut expected = document.get(&[]).expect("an object");
        let mut scaffold = Scaffold::default();
        for ((container, name), value) in &steps {
            let value = value.as_ref().unwrap_or(&Value::Null);
            document.set(container, name, value, &mut scaffold).expect("a set");
        }
        let mut rewritten = document.get(&[]).expect("an object");
        if add {
            let at = |value| steps[0].0.0.iter().fold(value, |value: &mut Value, key| &mut value[*key]);
            at(&mut rewritten)["theirs"] = json!([]);
            at(&mut expected)["theirs"] = json!([]);
        }
        let mut document = open(&format!("{rewritten:#}"));
        for (container, name) in last {
            document.remove(container, name, &mut scaffold);
            reload(&mut document, &mut scaffold);
        }
        prop_assert_eq!(document.get(&[]), Some(expected));
    }

    #[test]
    fn no_bytes_panic(
        bytes in prop::collection::vec(prop::sample::select(b"{}[]\":,\\u0a \n\xEF\xBB\xBFe-1".to_vec()), 0..40)
    ) {
        if let Ok(mut document) = Document::parse(&bytes, Path::new("x")) {
            let mut scaffold = Scaffold::default();
            document.set(&["new"], "a", &entry(), &mut scaffold).expect("a set");
            reload(&mut document, &mut scaffold);
            prop_assert!(document.remove(&["new"], "a", &mut scaffold));
            prop_assert_eq!(document.to_bytes(), bytes);
        }
    }
}
