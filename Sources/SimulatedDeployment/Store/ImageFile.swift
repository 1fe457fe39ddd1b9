import Platform
import Storage
import Wire

/// A tenant's image on the simulated disk, with SQLite's promises in WAL mode: a base that was
/// fsynced, and frames behind it that are written at each commit and not synced.
///
/// A frame that was torn, lost or reordered ends what counts, as a frame's checksum does in a WAL.
struct ImageFile {
  let base: String
  let log: String
  let files: any FileSystem
  private(set) var image = TenantImage()
  private var end: UInt64 = 0

  /// Reads what is there.
  init(_ directory: String, _ tenant: TenantID, files: any FileSystem) throws {
    self.files = files
    base = "\(directory)/\(tenant).base"
    log = "\(directory)/\(tenant).log"
    if try files.exists(base) {
      for frame in try Self.frames(base, files) { image.commit(frame.changes, at: frame.seq) }
    }
    guard try files.exists(log) else { return }
    for frame in try Self.frames(log, files) {
      // Frames that the base has came back with a truncation that was lost.
      if frame.seq > image.applied { image.commit(frame.changes, at: frame.seq) }
      end = frame.end
    }
  }

  /// COMMIT: in the page cache, not on the disk.
  mutating func commit(_ changes: [RowChange], at seq: TenantSeq) throws {
    let frame = Self.frame(changes, seq)
    let file = try files.open(log, files.exists(log) ? .update : .createNew)
    defer { file.close() }
    try file.write(frame, at: end)
    end += UInt64(frame.count)
    image.commit(changes, at: seq)
  }

  /// Checkpoint: the frames become durable, then the base, then the frames go.
  mutating func flush() throws {
    guard end > 0 else { return }
    let frames = try files.open(log, .update)
    defer { frames.close() }
    try frames.synchronize()
    let temporary = base + ".tmp"
    try Self.write(image, to: temporary, files)
    try files.rename(temporary, to: base)
    try files.synchronizeDirectory(Self.directory(of: base))
    try frames.truncate(to: 0)
    end = 0
  }

  /// Writes a base; its content is durable, its name is not.
  static func write(_ image: TenantImage, to path: String, _ files: any FileSystem) throws {
    let file = try files.open(path, .create)
    defer { file.close() }
    try file.write(frame(image.asChanges, image.applied), at: 0)
    try file.synchronize()
  }

  static func directory(of path: String) -> String {
    String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
  }

  private typealias Frame = (seq: TenantSeq, changes: [RowChange], end: UInt64)

  private static func frame(_ changes: [RowChange], _ seq: TenantSeq) -> [UInt8] {
    let body = Array("\(seq.rawValue)\n".utf8) + RowChange.encode(changes)
    return word(UInt32(body.count)) + word(CRC32.of(body)) + body
  }

  private static func word(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }

  /// The whole frames from the start, in rising order.
  private static func frames(_ path: String, _ files: any FileSystem) throws -> [Frame] {
    let file = try files.open(path, .read)
    defer { file.close() }
    let bytes = try file.bytes(at: 0, count: Int(try file.length()))
    var result: [Frame] = []
    var at = 0
    func number(_ offset: Int) -> Int {
      (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << ($1 * 8) }
    }
    while at + 8 <= bytes.count {
      let count = number(at)
      guard count > 0, at + 8 + count <= bytes.count else { break }
      let body = bytes[(at + 8)..<(at + 8 + count)]
      guard CRC32.of(body) == UInt32(number(at + 4)), let line = body.firstIndex(of: 10),
        let seq = UInt64(String(decoding: body[..<line], as: UTF8.self))
      else { break }
      at += 8 + count
      guard result.last.map({ $0.seq.rawValue < seq }) ?? true else { break }
      result.append((TenantSeq(seq), RowChange.decode(body[(line + 1)...]), UInt64(at)))
    }
    return result
  }
}
