/// A dictionary that forgets its oldest keys.
struct BoundedMap<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  let limit: Int
  private var values: [Key: Value] = [:]
  private var order: [Key] = []
  private var first = 0

  init(limit: Int) { self.limit = limit }

  var count: Int { values.count }
  var all: some Sequence<Value> { values.values }

  subscript(key: Key) -> Value? {
    get { values[key] }
    set {
      guard let newValue else {
        values[key] = nil
        return
      }
      if values.updateValue(newValue, forKey: key) == nil {
        order.append(key)
        trim()
      }
    }
  }

  private mutating func trim() {
    while values.count > limit, first < order.count {
      values[order[first]] = nil
      first += 1
    }
    // Keys that were removed by hand stay in `order`; compacting bounds it too.
    if first > limit || order.count > 2 * limit + 16 {
      order = order[first...].filter { values[$0] != nil }
      first = 0
    }
  }
}
