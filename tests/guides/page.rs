//! What is in a page: its examples, in order.

/// A command and what the page shows of its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Where the command begins in the page.
    pub line: usize,
    pub command: String,
    pub shown: String,
}

/// A fenced block: the number of its first line, its language and its text.
struct Block {
    line: usize,
    language: String,
    text: String,
    /// Below a line that says that it is not run.
    excused: bool,
}

/// The blocks of a page; one that is not closed goes to its end.
fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut open, mut before) = (Vec::new(), None::<Block>, "");
    for (index, line) in page.lines().enumerate() {
        open = match (line.trim_start().strip_prefix("```"), open) {
            (Some(language), None) => Some(Block {
                line: index + 2,
                language: language.trim().to_owned(),
                text: String::new(),
                excused: excuses(before),
            }),
            (None, Some(block)) => Some(Block { text: block.text + line + "\n", ..block }),
            (Some(_), Some(block)) => {
                blocks.push(block);
                None
            }
            (None, None) => None,
        };
        before = line;
    }
    blocks.extend(open);
    blocks
}

/// Whether a line says why something is not run.
fn excuses(line: &str) -> bool {
    line.trim().strip_prefix("<!-- not run: ").is_some_and(|why| why.len() > " -->".len() && why.ends_with(" -->"))
}

/// The examples of a guide, or what is wrong with it.
pub fn examples(page: &str) -> Result<Vec<Example>, String> {
    let mut examples = Vec::new();
    for Block { line, language, text, .. } in blocks(page).into_iter().filter(|block| !block.excused) {
        if language != "console" || !text.starts_with("$ ") {
            return Err(format!("line {line}: only ```console blocks are run, which start with a command: `$ …`"));
        }
        let mut lines = (line..).zip(text.lines()).peekable();
        while let Some((line, first)) = lines.next() {
            let mut command = first.strip_prefix("$ ").unwrap_or_default().to_owned();
            while goes_on(&command) {
                let (_, next) = lines.next().ok_or_else(|| format!("line {line}: the command does not end"))?;
                command = format!("{command}\n{next}");
            }
            let mut shown = String::new();
            while let Some((_, output)) = lines.next_if(|(_, next)| !next.starts_with("$ ")) {
                shown = shown + output + "\n";
            }
            examples.push(Example { line, command, shown });
        }
    }
    if examples.is_empty() && !page.lines().any(excuses) {
        return Err("a page has an example, or says why not".to_owned());
    }
    Ok(examples)
}

/// Whether a command is not at its end: the line ends in `\`, a `'` is open, or a here-document is.
fn goes_on(command: &str) -> bool {
    let (mut document, mut quotes, mut last) = (None, 0, "");
    for line in command.lines() {
        match document {
            Some(end) if line == end => document = None,
            Some(_) => {}
            None => {
                document = line.split_once("<<'").and_then(|(_, rest)| rest.split_once('\'')).map(|(end, _)| end);
                quotes += line.matches('\'').count();
                last = line;
            }
        }
    }
    document.is_some() || quotes % 2 == 1 || last.ends_with('\\')
}

/// The examples of the README, up to the part that is done by hand in Excel: its `sh` blocks that call the service or
/// the program, each with the `text` or `json` block that follows it at once.
pub fn readme(page: &str) -> Vec<Example> {
    let tour: Vec<&str> =
        page.lines().take_while(|line| !(line.starts_with("## ") && line.contains("Excel"))).collect();
    let mut blocks = blocks(&tour.join("\n")).into_iter().peekable();
    let mut examples = Vec::new();
    while let Some(Block { line, language, text, .. }) = blocks.next() {
        if language != "sh" || !(text.contains("curl ") || text.contains("cargo run -q")) {
            continue;
        }
        let after = line + text.lines().count() + 2;
        let output = blocks.next_if(|next| next.line == after && ["text", "json"].contains(&next.language.as_str()));
        let command = text.replace("cargo run -q --", "pairing-tracker");
        examples.push(Example { line, command, shown: output.map(|block| block.text).unwrap_or_default() });
    }
    examples
}
