import Platform
import Wire

/// A fault of the journal.
///
/// Damage that the rules can name is not thrown but reported as ``DamagedRange``.
public enum JournalError: Error, Hashable, Sendable, CustomStringConvertible {
  case file(FileError)
  /// Bytes that do not keep the format.
  case malformed(String)
  /// Written by a newer version: format or record kind.
  case unknownFormat(UInt32)
  case recordTooLarge(bytes: Int)
  /// The directory holds another cell's journal.
  case foreignCell(found: CellID, expected: CellID)
  /// The directory holds a journal of another generation.
  case foreignGeneration(found: Generation, expected: Generation)
  /// Another process has the directory open.
  case ownedByAnotherProcess(directory: String)
  /// The journal is closed, or stopped by damage.
  case notWritable(String)
  /// What was asked for was trimmed: the journal begins later now.
  case trimmed(first: CellSeq)
  /// The damaged range that was to be repaired is not there.
  case noSuchDamage(String)
  /// What is to be taken away is no earlier generation's: two journals of one generation differ.
  case notEarlier(found: Generation, than: Generation)

  public var description: String {
    switch self {
    case .file(let error): error.description
    case .malformed(let detail): "malformed journal: \(detail)"
    case .unknownFormat(let number): "journal format \(number) is not known to this version"
    case .recordTooLarge(let bytes):
      "a record of \(bytes) bytes is over the limit of \(JournalLimits.recordBytes)"
    case .foreignCell(let found, let expected):
      "the journal is of cell \(found), not of cell \(expected)"
    case .foreignGeneration(let found, let expected):
      "the journal is of generation \(found.rawValue), not \(expected.rawValue)"
    case .ownedByAnotherProcess(let directory):
      "\(directory) is in use by another process"
    case .notWritable(let reason): "the journal takes no records: \(reason)"
    case .trimmed(let first): "the journal begins at cell_seq \(first.rawValue) now"
    case .noSuchDamage(let detail): "nothing to repair: \(detail)"
    case .notEarlier(let found, let asking):
      "records of generation \(found.rawValue) are not cut for generation \(asking.rawValue)"
    }
  }
}
