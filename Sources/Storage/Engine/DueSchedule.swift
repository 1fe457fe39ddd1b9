import Wire

/// Tenants by the time at which they next have work: a heap whose outdated entries are skipped.
struct DueSchedule: Sendable {
  private struct Entry: Sendable {
    let at: Timestamp
    let tenant: TenantID
  }
  /// Outdated entries that are kept, besides one per tenant, before they are left out.
  static let spareEntries = 64

  private var due: [TenantID: Timestamp] = [:]
  private var heap: [Entry] = []

  var count: Int { due.count }
  /// Places in the heap, outdated ones too.
  var entries: Int { heap.count }
  /// No later than the earliest due time; may be an outdated entry's.
  var next: Timestamp? { heap.first?.at }

  subscript(tenant: TenantID) -> Timestamp? { due[tenant] }

  /// Sets or clears a tenant's time; answers whether it is now the earliest of all.
  mutating func set(_ tenant: TenantID, _ at: Timestamp?) -> Bool {
    guard let at else {
      due[tenant] = nil
      return false
    }
    guard due[tenant] != at else { return false }
    due[tenant] = at
    push(Entry(at: at, tenant: tenant))
    if heap.count > 2 * due.count + Self.spareEntries { compact() }
    return heap[0].tenant == tenant
  }

  /// The tenants that are due; they come again at `again` unless their time is set anew.
  mutating func take(now: Timestamp, again: Timestamp) -> [TenantID] {
    var result: [TenantID] = []
    while let first = heap.first, first.at <= now {
      pop()
      guard due[first.tenant] == first.at else { continue }
      result.append(first.tenant)
      due[first.tenant] = again
      push(Entry(at: again, tenant: first.tenant))
    }
    return result
  }

  /// Leaves out what is outdated; a sorted array is a heap.
  private mutating func compact() {
    heap = due.map { Entry(at: $0.value, tenant: $0.key) }.sorted { $0.at < $1.at }
  }

  private mutating func push(_ entry: Entry) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0, heap[child].at < heap[(child - 1) / 2].at {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func pop() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
        if heap[child].at < heap[least].at { least = child }
      }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
