import Wire

/// A fault of the tenant store; logged at the shell, never shown to a client as it is.
public enum StorageError: Error, Hashable, Sendable, CustomStringConvertible {
  case sqlite(SQLiteError)
  /// A file says that it belongs elsewhere: tenant, lineage or kind is another.
  case mismatch(file: String, detail: String)
  /// A file was seen before and is not there any more.
  case fileMissing(String)
  /// A file holds records that the journal does not have.
  case ahead(file: String, applied: TenantSeq, journal: TenantSeq)
  /// A file holds schema steps that this program does not know, or knows with other DDL.
  case unknownStep(file: String, step: String)
  /// A record cannot be applied as it stands.
  case replay(String)
  /// After a replay the rows are not those that the record speaks of.
  case digestMismatch(file: String, seq: TenantSeq)

  public var description: String {
    switch self {
    case .sqlite(let error): error.description
    case .mismatch(let file, let detail): "\(file) is not this tenant's: \(detail)"
    case .fileMissing(let file): "\(file) is missing, though records have touched it"
    case .ahead(let file, let applied, let journal):
      "\(file) stands at tenant_seq \(applied.rawValue), its journal at \(journal.rawValue)"
    case .unknownStep(let file, let step): "\(file) has schema step \(step), unknown here"
    case .replay(let detail): "a record cannot be applied: \(detail)"
    case .digestMismatch(let file, let seq):
      "\(file) differs from its record's digest at tenant_seq \(seq.rawValue)"
    }
  }
}
