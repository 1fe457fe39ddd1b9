import Platform
import Wire

/// Begins a journal that goes on where another one ended, whose groups are elsewhere: in the
/// archive of a cell whose disk was lost.
///
/// Nothing of the other's tenants is in it; each comes with a record of its own.
public enum JournalSeed {
  /// Bytes of the first segment; the opening rewrites it to its usual size.
  private static let capacity: UInt64 = 4_096

  /// Makes the journal's directory, its table of heads (empty, through `end`) and a first segment
  /// behind `end`, durably.
  ///
  /// A repeat with the same arguments does the same. Nobody may have the directory open; a journal
  /// that has groups is refused as ``JournalError/notWritable(_:)``.
  public static func write(
    dataDirectory: String, cell: CellID, generation: Generation, after end: JournalEnd,
    files: any FileSystem
  ) throws {
    try BootMark(directory: dataDirectory, files: files).discarded(ifSyncFails: {
      try make(dataDirectory, cell, generation, after: end, files)
    })
  }

  private static func make(
    _ dataDirectory: String, _ cell: CellID, _ generation: Generation, after end: JournalEnd,
    _ files: any FileSystem
  ) throws {
    let directory = "\(dataDirectory)/journal"
    try files.createDirectory(directory)
    try files.synchronizeDirectory(dataDirectory)
    let lock = try JournalNames.takeLock(directory, files)
    defer { lock.release() }
    let segments = try JournalScanner.segmentNames(directory, files)
    let name = JournalNames.segment(firstGroup: end.group + 1)
    guard segments.allSatisfy({ $0 == name }) else {
      throw JournalError.notWritable("there is a journal in \(directory)")
    }
    // The heads first: a segment whose positions before it are in no table would be damage.
    try HeadsFile.write(
      HeadsFile.encode(
        HeadsCheckpoint(through: end.seq, heads: [:]), cell: cell, generation: generation),
      directory: directory, files: files)
    let header = SegmentHeader(
      cell: cell, generation: generation, firstSeq: end.seq.next, firstGroup: end.group + 1,
      capacity: capacity, previousHash: end.hash)
    let temporary = "\(directory)/\(name)\(JournalNames.temporarySuffix)"
    let file = try files.open(temporary, .create)
    defer { file.close() }
    let bytes = header.encoded()
    try file.write(bytes + [UInt8](repeating: 0, count: Int(capacity) - bytes.count), at: 0)
    try file.synchronize()
    try files.rename(temporary, to: "\(directory)/\(name)")
    try files.synchronizeDirectory(directory)
  }

  /// Whether a directory has never held a journal, or has lost it.
  public static func isEmpty(
    dataDirectory: String, files: any FileSystem
  ) throws -> Bool {
    let directory = "\(dataDirectory)/journal"
    guard try files.exists(directory) else { return true }
    return try JournalScanner.segmentNames(directory, files).isEmpty
  }
}
