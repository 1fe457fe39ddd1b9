/// Entries in order, within a bound of bytes: the oldest go first.
struct Ring<Entry: Sendable>: Sendable {
  let limit: Int
  private var stored: [(entry: Entry, size: Int)] = []
  private var first = 0
  private var bytes = 0
  /// Entries ever added.
  private(set) var total = 0

  init(limit: Int) { self.limit = limit }

  var entries: [Entry] { stored[first...].map(\.entry) }

  mutating func add(_ entry: Entry, size: Int) {
    stored.append((entry, size))
    bytes += size
    total += 1
    while bytes > limit, first < stored.count - 1 {
      bytes -= stored[first].size
      first += 1
    }
    if first > 1024, first > stored.count / 2 {
      stored.removeFirst(first)
      first = 0
    }
  }
}
