/// One metric as it stands at a scrape.
///
/// Parts of a process answer their families when asked; nothing is pushed, so the hot path only
/// bumps its own counters.
public struct MetricFamily: Sendable {
  public enum Kind: String, Sendable { case counter, gauge, histogram }

  public struct Sample: Sendable {
    public let labels: [(name: String, value: String)]
    public let value: Value

    public enum Value: Sendable {
      case integer(Int64)
      /// Seconds of a duration are rendered from integer microseconds.
      case microseconds(Int64)
      case histogram(Histogram)
    }

    public init(labels: [(name: String, value: String)] = [], value: Value) {
      self.labels = labels
      self.value = value
    }
  }

  public let name: String
  public let help: String
  public let kind: Kind
  public let samples: [Sample]

  public init(_ name: String, _ help: String, _ kind: Kind, _ samples: [Sample]) {
    self.name = name
    self.help = help
    self.kind = kind
    self.samples = samples
  }

  public static func counter(_ name: String, _ help: String, _ value: Int64) -> MetricFamily {
    MetricFamily(name, help, .counter, [Sample(value: .integer(value))])
  }

  public static func gauge(_ name: String, _ help: String, _ value: Int64) -> MetricFamily {
    MetricFamily(name, help, .gauge, [Sample(value: .integer(value))])
  }

  public static func seconds(_ name: String, _ help: String, _ histogram: Histogram)
    -> MetricFamily
  {
    MetricFamily(name, help, .histogram, [Sample(value: .histogram(histogram))])
  }
}
