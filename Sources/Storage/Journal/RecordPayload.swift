import Wire

/// What a record did: its commands, and the files it touched.
///
/// On the wire: per command varint-prefixed request id, trace id and row changes; a byte with the
/// number of files and per file kind, varint of the previous applied seq and 16 bytes of digest
/// (little endian); a varint-prefixed detail whose meaning depends on the record's kind.
public struct RecordPayload: Hashable, Sendable {
  /// One command: who asked, and the rows it changed.
  public struct Command: Hashable, Sendable {
    public var requestID: String
    public var traceID: String
    /// Row changes in the capture format; opaque to the journal.
    public var changes: [UInt8]

    public init(requestID: String, traceID: String, changes: [UInt8]) {
      self.requestID = requestID
      self.traceID = traceID
      self.changes = changes
    }
  }

  public var commands: [Command]
  public var files: [FileMark]
  /// What the kind needs beside commands, such as a schema step's id; empty for most.
  public var detail: [UInt8]

  public init(commands: [Command] = [], files: [FileMark] = [], detail: [UInt8] = []) {
    self.commands = commands
    self.files = files
    self.detail = detail
  }

  /// Reads a payload; throws ``JournalError/malformed(_:)`` where it does not keep the format.
  public init(decoding bytes: [UInt8], commandCount: UInt32) throws(JournalError) {
    var reader = ByteReader(bytes)
    commands = []
    commands.reserveCapacity(Int(min(commandCount, 4096)))
    for _ in 0..<commandCount {
      let requestID = try reader.text()
      let traceID = try reader.text()
      commands.append(
        Command(requestID: requestID, traceID: traceID, changes: try reader.block()))
    }
    files = []
    for _ in 0..<(try reader.byte()) {
      files.append(
        FileMark(
          kind: FileKind(rawValue: try reader.byte()), previousSeq: TenantSeq(try reader.varint()),
          digest: try reader.uint128()))
    }
    detail = try reader.block()
    guard reader.isAtEnd else {
      throw JournalError.malformed("\(reader.remaining) bytes after the end of a payload")
    }
  }
}

/// What a record says about one file it touched.
public struct FileMark: Hashable, Sendable {
  public var kind: FileKind
  /// The tenant seq of the record that touched this file before; zero: none.
  public var previousSeq: TenantSeq
  /// The file's digest after this record.
  public var digest: UInt128

  public init(kind: FileKind, previousSeq: TenantSeq, digest: UInt128) {
    self.kind = kind
    self.previousSeq = previousSeq
    self.digest = digest
  }
}

extension FileMark {
  /// What a replay does with a record's part for one file.
  package enum OnReplay: Hashable, Sendable {
    /// The file has it.
    case skip
    case apply
    /// A record between is missing: the file must not be touched.
    case gap
  }

  /// Decides for a file that stands at `applied`, given the record's own tenant seq.
  package func replay(of record: TenantSeq, over applied: TenantSeq) -> OnReplay {
    guard applied < record else { return .skip }
    return previousSeq == applied ? .apply : .gap
  }
}
