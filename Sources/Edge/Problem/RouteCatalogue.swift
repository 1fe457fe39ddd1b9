import Hummingbird

/// Which paths a router knows, to tell an unknown path (404) from an unanswered method (405).
struct RouteCatalogue: Sendable {
  private struct Route: Sendable {
    let segments: [RouterPath.Element]
    let method: String
  }
  private let routes: [Route]

  init<Context: RequestContext>(_ router: Router<Context>) {
    routes = router.routes.map { Route(segments: $0.path.components, method: $0.method.rawValue) }
  }

  /// The methods that `path` answers, sorted; empty where it is unknown.
  func methods(of path: String) -> [String] {
    let segments = path.split(separator: "/")
    var found: Set<String> = []
    for route in routes where Self.matches(route.segments, segments) { found.insert(route.method) }
    return found.sorted()
  }

  private static func matches(_ pattern: [RouterPath.Element], _ path: [Substring]) -> Bool {
    var index = 0
    for element in pattern {
      if element == .recursiveWildcard { return true }
      guard index < path.count, element ~= path[index] else { return false }
      index += 1
    }
    return index == path.count
  }
}
