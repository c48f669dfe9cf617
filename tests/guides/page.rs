//! Parses a page into its examples, in order.

use std::fmt::{self, Display, Formatter};

/// What an example does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Runs a command in the page's shell.
    Shell(String),
    /// Fills cells of a workbook, which a reader does in a spreadsheet program.
    Fill(Table),
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Action::Shell(command) => write!(f, "$ {command}"),
            Action::Fill(Table { workbook, sheet, .. }) => write!(f, "(fills in {sheet} of {workbook})"),
        }
    }
}

/// Rows of a sheet, by the headers of its columns. The first column identifies a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub workbook: String,
    pub sheet: String,
    pub headers: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// An action and the output that the page shows for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The line of the page on which it begins.
    pub line: usize,
    pub action: Action,
    pub shown: String,
}

impl Example {
    fn shell(line: usize, command: String, shown: String) -> Example {
        Example { line, action: Action::Shell(command), shown }
    }

    /// The command, where it is one.
    pub fn command(&self) -> Option<&str> {
        match &self.action {
            Action::Shell(command) => Some(command),
            Action::Fill(_) => None,
        }
    }
}

/// A part of a page that is not prose.
enum Block {
    /// The number of the first line inside the fence, the language, the text, and the line of prose above.
    Fenced { line: usize, language: String, text: String, above: String },
    /// A table below `<!-- by hand: WORKBOOK, sheet SHEET -->`.
    ByHand { line: usize, table: Option<Table> },
}

/// The blocks of a page; one that is not closed ends with the page.
fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut above) = (Vec::new(), "");
    let mut lines = page.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let mut text = String::new();
            for (_, line) in lines.by_ref().take_while(|(_, line)| !line.trim_start().starts_with("```")) {
                text = text + line + "\n";
            }
            let language = language.trim().to_owned();
            blocks.push(Block::Fenced { line: index + 2, language, text, above: above.to_owned() });
        } else if let Some(place) = line.strip_prefix("<!-- by hand: ") {
            let mut rows = Vec::new();
            while let Some((_, row)) = lines.next_if(|(_, next)| next.trim().is_empty() || next.starts_with('|')) {
                rows.extend(row.starts_with('|').then(|| cells(row)));
            }
            blocks.push(Block::ByHand { line: index + 1, table: table(place, &rows) });
        }
        if !line.trim().is_empty() {
            above = line;
        }
    }
    blocks
}

/// The cells of a row of a Markdown table.
fn cells(row: &str) -> Vec<String> {
    row.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn table(place: &str, rows: &[Vec<String>]) -> Option<Table> {
    let (workbook, sheet) = place.strip_suffix(" -->")?.split_once(", sheet ")?;
    let (headers, rows) = rows.split_first()?;
    let rows = rows.get(1..).filter(|rows| !rows.is_empty())?.to_vec();
    Some(Table { workbook: workbook.to_owned(), sheet: sheet.to_owned(), headers: headers.clone(), rows })
}

/// The file that a block holds: the line above it ends with the file's name, as in "Save this as `parks.yaml`:".
fn file_of(above: &str) -> Option<&str> {
    let (_, name) = above.trim_end().trim_end_matches([':', '：']).strip_suffix('`')?.rsplit_once('`')?;
    name.contains('.').then_some(name)
}

/// The command that makes a file.
fn writing(file: &str, text: &str) -> String {
    let directory = file.rsplit_once('/').map(|(directory, _)| format!("mkdir -p '{directory}'\n"));
    format!("{}cat > '{file}' <<'END_OF_FILE'\n{text}END_OF_FILE", directory.unwrap_or_default())
}

/// The examples of a page, or what is wrong with it. `is_excused` says whether a block need not run, by its first line.
pub fn examples(page: &str, is_excused: impl Fn(&str) -> bool) -> Result<Vec<Example>, String> {
    let mut examples = Vec::new();
    let mut blocks = blocks(page).into_iter().peekable();
    while let Some(block) = blocks.next() {
        let (line, language, text, above) = match block {
            Block::Fenced { line, language, text, above } => (line, language, text, above),
            Block::ByHand { line, table } => {
                let table = table.ok_or_else(|| format!("line {line}: a file, a sheet and a table belong together"))?;
                examples.push(Example { line, action: Action::Fill(table), shown: String::new() });
                continue;
            }
        };
        let is_console = language == "console" && text.starts_with("$ ");
        if is_excused(text.lines().next().unwrap_or_default()) {
            continue;
        } else if is_console {
            examples.extend(console(line, &text)?);
        } else if language == "sh" {
            let after = line + text.lines().count() + 2;
            let output = blocks.next_if(|next| is_output(next, after));
            let shown = match output {
                Some(Block::Fenced { text, .. }) => text,
                _ => String::new(),
            };
            let command = text.trim_end().replace("cargo run -q --", "pairing-tracker");
            examples.push(Example::shell(line, command, shown));
        } else if let Some(file) = file_of(&above) {
            examples.push(Example::shell(line, writing(file, &text), String::new()));
        } else {
            return Err(format!("line {line}: nothing runs this block: it is no command, output or file"));
        }
    }
    if examples.is_empty() && !is_excused("") {
        return Err("a page has an example".to_owned());
    }
    Ok(examples)
}

/// Whether a block is the output of the `sh` block that ends right above this line.
fn is_output(block: &Block, after: usize) -> bool {
    matches!(block, Block::Fenced { line, language, .. } if *line == after && ["text", "json"].contains(&&**language))
}

/// The examples of a `console` block.
fn console(line: usize, text: &str) -> Result<Vec<Example>, String> {
    let mut examples = Vec::new();
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
        examples.push(Example::shell(line, command, shown));
    }
    Ok(examples)
}

/// Whether a command continues: its last line ends in `\`, a `'` is open, or a here-document is.
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
