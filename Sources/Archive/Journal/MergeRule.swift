import Wire

/// Which neighbouring objects of a cell's archived journal become one; decides, without I/O.
///
/// A cell that writes all the time makes some three objects a second, and a restore asks the store
/// for each. What is merged is at least doubled, so that a byte is written anew a few times only.
struct MergeRule: Sendable {
  /// Stored bytes that a merged object does not exceed; one of half of it stays as it is.
  var bytes: UInt64 = 8 * 1_024 * 1_024
  /// So many neighbours are merged, however small they are.
  var fewest = 64
  /// Objects that one is made of.
  var most = 1_024

  /// An object of the journal, with its stored bytes.
  struct Object: Hashable, Sendable {
    let span: JournalSpan
    let bytes: UInt64
  }

  /// Runs of neighbours, each of which becomes one object; `objects` are in order.
  func runs(_ objects: some Sequence<Object>) -> [ArraySlice<Object>] {
    var runs: [ArraySlice<Object>] = []
    var run: ArraySlice<Object> = []
    var size: UInt64 = 0
    for object in objects {
      if let last = run.last,
        !Self.areNeighbours(last.span, object.span) || size + object.bytes > bytes
          || run.count == most
      {
        // Nothing is added to it any more.
        if run.count > 1 { runs.append(run) }
        (run, size) = ([], 0)
      }
      run.append(object)
      size += object.bytes
    }
    if let open = worthwhile(run, size) { runs.append(open) }
    return runs
  }

  /// Whether an object is as large as one need be.
  func isFull(_ object: Object) -> Bool { object.bytes >= bytes / 2 }

  private static func areNeighbours(_ a: JournalSpan, _ b: JournalSpan) -> Bool {
    a.generation == b.generation && a.last.next == b.first
  }

  /// What of the last run, to which more will come, is merged already.
  private func worthwhile(_ run: ArraySlice<Object>, _ size: UInt64) -> ArraySlice<Object>? {
    var (run, size) = (run, size)
    // The first is what was merged last, where the others do not yet double it.
    while let first = run.first, first.bytes > size / 2, run.count > 1 {
      size -= first.bytes
      run.removeFirst()
    }
    return run.count > 1 && (run.count >= fewest || size >= bytes / 2) ? run : nil
  }
}
