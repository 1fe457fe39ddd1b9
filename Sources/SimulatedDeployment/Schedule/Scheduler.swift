/// Everything that is going to happen, by simulated time, then in the order it was planned.
///
/// A binary heap; nothing runs that was not taken from here.
struct Scheduler {
  struct Entry {
    let microseconds: Int64
    let order: UInt64
    let name: String
    let action: () -> Void

    func isBefore(_ other: Entry) -> Bool {
      (microseconds, order) < (other.microseconds, other.order)
    }
  }

  private(set) var microseconds: Int64 = 0
  private(set) var events: UInt64 = 0
  private var heap: [Entry] = []
  private var planned: UInt64 = 0

  mutating func plan(after delay: Int, _ name: String, _ action: @escaping () -> Void) {
    planned += 1
    heap.append(
      Entry(
        microseconds: microseconds + Int64(max(0, delay)), order: planned, name: name,
        action: action))
    var child = heap.count - 1
    while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Takes the next event and moves time to it.
  mutating func next() -> Entry? {
    guard !heap.isEmpty else { return nil }
    heap.swapAt(0, heap.count - 1)
    let entry = heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].isBefore(heap[least]) { least = child }
      if least == parent { break }
      heap.swapAt(parent, least)
      parent = least
    }
    microseconds = entry.microseconds
    events += 1
    return entry
  }
}
