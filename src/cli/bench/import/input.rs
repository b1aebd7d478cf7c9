//! A file of made-up people: 12 columns, about 120 bytes a row, one E.164 phone a row, a comma in one row of a hundred.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use crate::cli::exit::CliError;

const FIRST: [&str; 8] = ["Anna", "Jan", "Eva", "Petr", "Marie", "Lukas", "Elin", "Tomas"];
const LAST: [&str; 7] = ["Novak", "Svoboda", "Dvorak", "Cerny", "Takiev", "Kral", "Vesely"];
const CITIES: [&str; 5] = ["Praha", "Brno", "Ostrava", "Plzen", "Liberec"];

/// A file of its own for each size. With `equal` all rows have one id.
pub(super) fn write(path: &Path, rows: u64, equal: bool) -> Result<(), CliError> {
    let wrong = |error: std::io::Error| CliError::internal(format!("{}: {error}", path.display()));
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).map_err(wrong)?);
    let header = "id,first_name,last_name,phone,email,city,street,postcode,country,segment,amount,note";
    writeln!(file, "{header}").map_err(wrong)?;
    for n in 0..rows {
        // Knuth's multiplier: phones come in no order, and each once.
        let mixed = n.wrapping_mul(2_654_435_761) % 100_000_000;
        let pick = |from: &'static [&'static str]| from[(mixed % from.len() as u64) as usize];
        let id = if equal { 7 } else { n };
        let (first, last, city) = (pick(&FIRST), pick(&LAST), pick(&CITIES));
        let note = if n % 100 == 7 { "\"late, call again\"" } else { "renewal is due" };
        writeln!(
            file,
            "C-{id:08},{first},{last},+4206{mixed:08},{last}.{n}@example.org,{city},Dlouha {street},{post},CZ,gold,{amount}.50,{note}",
            street = mixed % 200,
            post = 10_000 + mixed % 80_000,
            amount = mixed % 5_000,
        )
        .map_err(wrong)?;
    }
    file.into_inner().map_err(|error| wrong(error.into_error()))?.sync_all().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn rows(count: u64, equal: bool) -> Vec<csv::StringRecord> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        write(&path, count, equal).unwrap();
        csv::Reader::from_path(path).unwrap().records().map(Result::unwrap).collect()
    }

    #[test]
    fn ids_and_phones_are_unique_and_one_row_of_a_hundred_has_a_comma() {
        let rows = rows(20_000, false);
        for column in [0, 3] {
            assert_eq!(rows.iter().map(|row| &row[column]).collect::<HashSet<_>>().len(), rows.len());
        }
        assert_eq!(rows.iter().filter(|row| row[11].contains(',')).count(), rows.len() / 100);
        assert!(rows.iter().all(|row| row.len() == 12 && row[3].len() == 13));
    }

    #[test]
    fn equal_rows_have_one_id() {
        assert_eq!(rows(300, true).iter().map(|row| row[0].to_owned()).collect::<HashSet<_>>().len(), 1);
    }
}
