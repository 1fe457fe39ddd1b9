import Platform
import Wire

/// What one replica of a cell must not forget: which generation it serves or admits, and whose
/// acknowledgements it asks for.
public struct ReplicaState: Hashable, Sendable {
  /// The numbers stand in the file.
  public enum Role: UInt8, Hashable, Sendable {
    case primary = 1
    case follower = 2
  }

  public var role: Role
  /// A primary's own; the lowest that a follower admits.
  public var generation: Generation
  /// Followers without whose acknowledgement nothing in `follower` mode is true.
  public var asked: Set<String> = []
  /// Where the journal ended when this generation began: what lies before is on every replica that
  /// was asked then.
  public var began = JournalEnd.start
  /// Behind this group the journal is to be cut before it is opened: another replica took over
  /// there.
  public var cut: JournalEnd?

  public init(role: Role, generation: Generation) {
    self.role = role
    self.generation = generation
  }
}

/// The file of the ``ReplicaState``, `<data>/replica`: replaced as a whole, durable when
/// ``store(_:)`` returns.
public struct ReplicaFile: Sendable {
  /// "AIMSREP1" as little-endian bytes.
  private static let magic: UInt64 = 0x3150_4552_534D_4941
  private static let longest = 64 * 1024

  private let directory: String
  private let files: any FileSystem

  public init(directory: String, files: any FileSystem) {
    self.directory = directory
    self.files = files
  }

  private var path: String { "\(directory)/replica" }

  /// Nil where there is none.
  ///
  /// Throws ``JournalError/malformed(_:)`` for a damaged one: what it said must not be guessed.
  public func load() throws(JournalError) -> ReplicaState? {
    let bytes: [UInt8]
    do throws(FileError) {
      guard try files.exists(path) else { return nil }
      let file = try files.open(path, .read)
      defer { file.close() }
      bytes = try file.bytes(at: 0, count: Self.longest)
    } catch { throw JournalError.file(error) }
    guard bytes.count > 4 else { throw JournalError.malformed("a replica file without content") }
    var tail = ByteReader(bytes[(bytes.count - 4)...])
    guard try tail.integer(UInt32.self) == CRC32.of(Array(bytes.dropLast(4))) else {
      throw JournalError.malformed("a replica file whose CRC is wrong")
    }
    var reader = ByteReader(bytes[..<(bytes.count - 4)])
    guard try reader.integer(UInt64.self) == Self.magic,
      let role = ReplicaState.Role(rawValue: try reader.byte())
    else { throw JournalError.malformed("not a replica file") }
    var state = ReplicaState(
      role: role, generation: Generation(try reader.integer(UInt64.self)))
    state.began = JournalEnd(
      group: try reader.integer(UInt64.self), seq: CellSeq(try reader.integer(UInt64.self)),
      hash: try reader.hash())
    let hasCut = try reader.byte() == 1
    let cut = JournalEnd(
      group: try reader.integer(UInt64.self), seq: CellSeq(try reader.integer(UInt64.self)),
      hash: try reader.hash())
    state.cut = hasCut ? cut : nil
    for _ in 0..<(try reader.integer(UInt16.self)) {
      state.asked.insert(String(decoding: try reader.block(), as: UTF8.self))
    }
    return state
  }

  public func store(_ state: ReplicaState) throws(FileError) {
    var writer = ByteWriter(capacity: 256)
    writer.integer(Self.magic)
    writer.byte(state.role.rawValue)
    writer.integer(state.generation.rawValue)
    writer.integer(state.began.group)
    writer.integer(state.began.seq.rawValue)
    writer.hash(state.began.hash)
    writer.byte(state.cut == nil ? 0 : 1)
    let cut = state.cut ?? .start
    writer.integer(cut.group)
    writer.integer(cut.seq.rawValue)
    writer.hash(cut.hash)
    writer.integer(UInt16(state.asked.count))
    for follower in state.asked.sorted() { writer.text(follower) }
    writer.integer(writer.crc(from: 0))
    let bytes = writer.bytes
    // No engine may be there whose end would say what an fsync has dropped.
    let mark = BootMark(directory: directory, files: files)
    try mark.discarded(ifSyncFails: { () throws(FileError) in try replace(bytes) })
  }

  private func replace(_ bytes: [UInt8]) throws(FileError) {
    let temporary = path + ".tmp"
    try FileTree.write(bytes, to: temporary, files)
    try files.rename(temporary, to: path)
    try files.synchronizeDirectory(directory)
  }
}

extension JournalEnd {
  public init(_ message: Aimstors_ProtoJournalEnd) {
    let hash = [UInt8](message.hash)
    self.init(
      group: message.group, seq: CellSeq(message.seq),
      hash: hash.count == SHA256Hash.byteCount
        ? hash.withUnsafeBytes { SHA256Hash(bytes: $0) } : .zero)
  }

  public var message: Aimstors_ProtoJournalEnd {
    var message = Aimstors_ProtoJournalEnd()
    message.group = group
    message.seq = seq.rawValue
    message.hash = .init(hash.bytes)
    return message
  }
}
