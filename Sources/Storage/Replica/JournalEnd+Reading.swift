import Platform
import Wire

extension JournalEnd {
  /// Where the journal in a data directory ends, read from its last segment.
  ///
  /// Nil where there is no journal, or its end is damaged: what follows it is not to be guessed. A
  /// torn group that a start would cut is passed over. For a directory that nobody has open.
  public static func read(
    dataDirectory: String, cell: CellID, files: any FileSystem
  ) throws -> JournalEnd? {
    let directory = "\(dataDirectory)/journal"
    guard try files.exists(directory) else { return nil }
    let lock = try JournalNames.takeLock(directory, files)
    defer { lock.release() }
    var scanner = JournalScanner(directory: directory, cell: cell, generation: nil, files: files)
    let scan = try scanner.runLast()
    guard !scan.segments.isEmpty, scan.damage.isEmpty else { return nil }
    if case .damaged = scan.tail { return nil }
    return JournalEnd(group: scan.tip.groupNumber, seq: scan.tip.lastSeq, hash: scan.tip.hash)
  }
}
