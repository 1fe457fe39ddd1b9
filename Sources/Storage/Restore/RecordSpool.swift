import Platform
import Synchronization
import Wire

/// Records of many tenants, sorted out of one journal into a file per tenant: what a restore of a
/// whole cell reads once instead of once per tenant.
///
/// Nothing of it is durable: a restore that was cut off begins anew.
public final class RecordSpool: Sendable {
  /// Bytes of one tenant that are gathered before they are written.
  private static let bufferBytes = 64 * 1_024
  /// Bytes gathered for all tenants; beyond, all are written.
  private static let gatheredBytes = 64 * 1_024 * 1_024

  private struct Part {
    var buffer = ByteWriter()
    var written: UInt64 = 0
    var found = Found()
  }
  private struct State {
    var parts: [TenantID: Part] = [:]
    var gathered = 0
  }

  private let directory: String
  private let files: any FileSystem
  private let state = Mutex(State())

  /// Begins empty: what an earlier one left in `directory` is removed.
  public init(directory: String, files: any FileSystem) throws {
    self.directory = directory
    self.files = files
    try FileTree.remove(directory, files)
    try files.createDirectory(directory)
  }

  public func add(_ record: JournalRecord) throws {
    try state.withLock { state in
      let tenant = record.identity.tenant
      var part = state.parts[tenant] ?? Part()
      state.parts[tenant] = nil
      let before = part.buffer.count
      var encoded = ByteWriter(capacity: record.payload.count + 256)
      RecordFormat.encode(record, into: &encoded)
      part.buffer.integer(UInt32(encoded.count))
      part.buffer.raw(encoded.bytes)
      part.found.records += 1
      part.found.lastTime = record.identity.time
      part.found.hasLeft = record.identity.kind.leaves ?? part.found.hasLeft
      state.gathered += part.buffer.count - before
      if part.buffer.count >= Self.bufferBytes { try flush(&part, of: tenant, &state.gathered) }
      state.parts[tenant] = part
      guard state.gathered >= Self.gatheredBytes else { return }
      for tenant in Array(state.parts.keys) {
        guard var part = state.parts[tenant] else { continue }
        try flush(&part, of: tenant, &state.gathered)
        state.parts[tenant] = part
      }
    }
  }

  private func path(_ tenant: TenantID) -> String { "\(directory)/\(tenant.rawValue).records" }

  private func flush(_ part: inout Part, of tenant: TenantID, _ gathered: inout Int) throws {
    guard part.buffer.count > 0 else { return }
    let file = try files.open(path(tenant), part.written == 0 ? .create : .update)
    defer { file.close() }
    try file.write(part.buffer.bytes, at: part.written)
    part.written += UInt64(part.buffer.count)
    gathered -= part.buffer.count
    part.buffer = ByteWriter()
  }

  /// What is known of a tenant's records without reading them.
  public struct Found: Hashable, Sendable {
    public var records: UInt64 = 0
    /// Of the last one.
    public var lastTime = Timestamp.zero
    /// Whether the tenant is another cell's behind them.
    public var hasLeft = false
  }

  /// Nil where there is no record of the tenant.
  public func found(_ tenant: TenantID) -> Found? { state.withLock { $0.parts[tenant]?.found } }

  /// The tenant's records from the first one on; nil: none.
  public func reader(_ tenant: TenantID) throws -> Reader? {
    let length = try state.withLock { state -> UInt64 in
      guard var part = state.parts[tenant] else { return 0 }
      try flush(&part, of: tenant, &state.gathered)
      state.parts[tenant] = part
      return part.written
    }
    guard length > 0 else { return nil }
    let file = try files.open(path(tenant), .read)
    return Reader(SegmentReader(file, limit: length), length: length)
  }

  /// Reads one tenant's file, some records at a time.
  public final class Reader: Sendable {
    private let state: Mutex<(window: SegmentReader, offset: UInt64)>
    private let length: UInt64

    fileprivate init(_ window: SegmentReader, length: UInt64) {
      state = Mutex((window, 0))
      self.length = length
    }

    /// The next records, at most `count`; none at the end.
    public func next(_ count: Int) throws -> [JournalRecord] {
      try state.withLock { state in
        var records: [JournalRecord] = []
        while state.offset < length, records.count < count {
          var prefix = ByteReader(try state.window.bytes(at: state.offset, 4))
          let size = try prefix.integer(UInt32.self)
          guard UInt64(size) + 4 <= length - state.offset else {
            throw JournalError.malformed("a spooled record longer than its file")
          }
          var reader = ByteReader(try state.window.bytes(at: state.offset + 4, Int(size)))
          records.append(try RecordFormat.decode(&reader))
          state.offset += 4 + UInt64(size)
        }
        return records
      }
    }

    public func close() { state.withLock { $0.window.file.close() } }
  }

  /// Removes the tenant's file: it is not needed any more.
  public func drop(_ tenant: TenantID) throws {
    let written = state.withLock { state in
      let part = state.parts.removeValue(forKey: tenant)
      state.gathered -= part?.buffer.count ?? 0
      return part?.written ?? 0
    }
    if written > 0 { try files.remove(path(tenant)) }
  }
}
