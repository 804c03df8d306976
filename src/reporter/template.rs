//! A template of lines: text with fields in it, such as `{client} {us}`.

use std::str::FromStr;

use crate::reporter::Unit;

/// A template. A field goes up to the first place where the text after it stands, and the last
/// one to the next blank; what follows in a line is passed over.
///
/// Whatever a client can choose, such as a path, should stand behind both fields: else it could
/// hold what looks like them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    /// What stands before the first field.
    head: String,
    /// Each field, and the text after it.
    fields: Vec<(Field, String)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Field {
    Client,
    Rtt(Unit),
    /// Whatever it is.
    Any,
}

impl Template {
    /// The client, the round trip and its unit, if a line looks like this.
    pub(super) fn find<'a>(&self, line: &'a str) -> Option<(&'a str, &'a str, Unit)> {
        let mut rest = line.strip_prefix(self.head.as_str())?;
        let (mut client, mut rtt) = (None, None);
        for (field, after) in &self.fields {
            let (text, left) = match after.as_str() {
                "" => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
                after => rest.split_once(after)?,
            };
            rest = left;
            match field {
                Field::Client => client = Some(text),
                Field::Rtt(unit) => rtt = Some((text, *unit)),
                Field::Any => {}
            }
        }
        let (text, unit) = rtt?;
        Some((client?, text, unit))
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (head, mut rest) = text.split_once('{').unwrap_or((text, ""));
        let mut fields: Vec<(Field, String)> = Vec::new();
        while !rest.is_empty() {
            let (name, after) =
                rest.split_once('}').ok_or_else(|| format!("a `{{` is not closed in {text:?}"))?;
            let field = match name {
                "" => Field::Any,
                "client" => Field::Client,
                "us" => Field::Rtt(Unit::Us),
                "ms" => Field::Rtt(Unit::Ms),
                "s" => Field::Rtt(Unit::S),
                other => {
                    return Err(format!(
                        "expected `{{client}}`, `{{us}}`, `{{ms}}`, `{{s}}` or `{{}}`, found \
                         `{{{other}}}`"
                    ));
                }
            };
            let (literal, left) = match after.split_once('{') {
                Some(("", _)) => {
                    return Err(format!("two fields of {text:?} have nothing between them"));
                }
                Some(parts) => parts,
                None => (after, ""),
            };
            fields.push((field, literal.to_owned()));
            rest = left;
        }
        let count =
            |wanted: fn(&Field) -> bool| fields.iter().filter(|(field, _)| wanted(field)).count();
        let clients = count(|field| matches!(field, Field::Client));
        let rtts = count(|field| matches!(field, Field::Rtt(_)));
        if (clients, rtts) != (1, 1) {
            return Err(format!(
                "expected one `{{client}}` and one of `{{us}}`, `{{ms}}` and `{{s}}` in {text:?}"
            ));
        }
        Ok(Self { head: head.to_owned(), fields })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_found_between_the_text() {
        for (template, line, expected) in [
            ("{client} {us}", "192.0.2.1 20 rest", Some(("192.0.2.1", "20", Unit::Us))),
            ("{client} {us}", "192.0.2.1 20", Some(("192.0.2.1", "20", Unit::Us))),
            ("{client} {us}", "192.0.2.1", None),
            ("rtt={ms}, from {client}: ", "rtt=1.5, from ::1: GET", Some(("::1", "1.5", Unit::Ms))),
            ("rtt={ms}, from {client}: ", "rtt=1.5 from ::1: GET", None),
            ("[{}] {client}|{s}", "[a b] ::1|2", Some(("::1", "2", Unit::S))),
            ("[{}] {client}|{s}", "x[a b] ::1|2", None),
        ] {
            let template: Template = template.parse().unwrap();
            assert_eq!(template.find(line), expected, "{line}");
        }
    }

    #[test]
    fn a_template_has_both_fields_once_and_text_between_them() {
        for (text, expected) in [
            ("{client}{us}", "nothing between"),
            ("{client}", "expected one"),
            ("{us} {ms} {client}", "expected one"),
            ("{client} {us", "not closed"),
            ("{client} {rtt}", "found `{rtt}`"),
            ("plain", "expected one"),
        ] {
            let problem = text.parse::<Template>().unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(template in "[{}a-z ]{0,12}|[{]client[}].[{]us[}].", line: String) {
            if let Ok(template) = template.parse::<Template>() {
                let found = template.find(&line).map_or(0, |(a, b, _)| a.len() + b.len());
                prop_assert!(found <= line.len());
            }
        }
    }
}
