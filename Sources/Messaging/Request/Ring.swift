/// A first-in, first-out queue whose both ends cost the same however long it is.
struct Ring<Element: Sendable>: Sendable {
  private var elements: [Element?] = []
  private var head = 0

  var count: Int { elements.count - head }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func popFirst() -> Element? {
    guard head < elements.count else { return nil }
    let element = elements[head]
    elements[head] = nil
    head += 1
    if head == elements.count {
      elements.removeAll(keepingCapacity: true)
      head = 0
    } else if head >= 1_024, head * 2 > elements.count {
      elements.removeFirst(head)
      head = 0
    }
    return element
  }

  /// Takes out what matches, in order.
  mutating func removeAll(where matches: (Element) -> Bool) -> [Element] {
    var kept: [Element?] = []
    var taken: [Element] = []
    for element in elements[head...] {
      guard let element else { continue }
      if matches(element) { taken.append(element) } else { kept.append(element) }
    }
    if !taken.isEmpty {
      elements = kept
      head = 0
    }
    return taken
  }
}
