import Wire

/// What waits for the writer, and when it has waited long enough.
///
/// Decides; ``Journal`` acts.
struct AppendQueue: Sendable {
  struct Item: Sendable {
    enum Content: Sendable {
      case record(SealedRecord)
      /// Another journal's, written as it is: a group by itself.
      case group(DurableGroup)
    }
    let content: Content
    let bytes: Int
    let completion: @Sendable (AppendOutcome) -> Void

    var record: SealedRecord? {
      if case .record(let record) = content { return record }
      return nil
    }
  }

  enum OnAdd: Hashable, Sendable {
    /// Wake the writer: it sleeps, or has what it waits for.
    case wake
    case keepWaiting
    /// The process is about to end: no answer.
    case drop
    case refuse(AppendOutcome.Refusal)
  }

  enum Writer: Hashable, Sendable {
    /// Nothing waits; it sleeps until something comes. May become `busy`.
    case idle
    /// It waits a moment for more. May become `busy`.
    case collecting
    /// It writes or syncs. May become `idle`, `collecting`.
    case busy
  }

  private(set) var items: [Item] = []
  private(set) var bytes = 0
  /// The last caller said that nothing more is coming.
  private(set) var isUrgent = false
  private(set) var isClosing = false
  var writer: Writer = .busy
  /// Set after a fatality: nothing is answered any more.
  var halted = false
  /// Set where damage at the end forbids appending.
  var stopped = false
  private let maximumRecords: Int
  private let maximumBytes: Int
  private let groupRecords: Int
  private let groupBytes: Int

  init(_ configuration: JournalConfiguration) {
    maximumRecords = configuration.queueRecords
    maximumBytes = configuration.queueBytes
    groupRecords = configuration.groupRecords
    groupBytes = configuration.groupBytes
  }

  mutating func add(_ item: Item, more: Bool) -> OnAdd {
    if halted { return .drop }
    if stopped { return .refuse(.damaged) }
    if isClosing { return .refuse(.closed) }
    guard items.count < maximumRecords, bytes + item.bytes <= maximumBytes else {
      return .refuse(.queueFull)
    }
    items.append(item)
    bytes += item.bytes
    if !more { isUrgent = true }
    switch writer {
    case .idle: return .wake
    case .collecting: return isReady ? .wake : .keepWaiting
    case .busy: return .keepWaiting
    }
  }

  /// Whether a group should be written without waiting for more.
  var isReady: Bool {
    isUrgent || isClosing || items.count >= groupRecords || bytes >= groupBytes
  }

  mutating func close() { isClosing = true }

  /// Takes the next group: at least one item, then as many as the bounds allow.
  mutating func take() -> [Item] {
    var count = 0
    var sum = 0
    while count < items.count, count < groupRecords {
      if items[count].record == nil, count > 0 { break }
      if count == 1, items[0].record == nil { break }
      let next = sum + items[count].bytes
      guard count == 0 || next <= groupBytes else { break }
      sum = next
      count += 1
    }
    bytes -= sum
    guard count < items.count else {
      isUrgent = false
      defer { items.removeAll(keepingCapacity: true) }
      return items
    }
    let group = Array(items[..<count])
    items.removeFirst(count)
    return group
  }
}
