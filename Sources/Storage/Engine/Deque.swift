/// A queue whose both ends cost nothing; what was taken is forgotten in bulk.
struct Deque<Element> {
  private var elements: [Element?] = []
  private var head = 0

  var count: Int { elements.count - head }
  var isEmpty: Bool { count == 0 }
  var first: Element? { head < elements.count ? elements[head] : nil }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func popFirst() -> Element? {
    guard head < elements.count else { return nil }
    let element = elements[head].take()
    head += 1
    if head == elements.count {
      elements.removeAll(keepingCapacity: head <= 1_024)
      head = 0
    } else if head >= 1_024 {
      elements.removeFirst(head)
      head = 0
    }
    return element
  }

  /// Puts elements back in front, in their order.
  mutating func prepend(_ front: [Element]) {
    guard !front.isEmpty else { return }
    elements.replaceSubrange(..<head, with: front.map(Optional.some))
    head = 0
  }
}

extension Deque: Sendable where Element: Sendable {}
