/// What a child of `up` says on `/readyz`.
enum Readiness: Hashable {
  case ready
  case notYet
  /// It runs, and what keeps it from its work no time ends: the problem's code.
  case waitsForSomebody(String)

  /// A cell whose disk was lost, or that another generation has taken over.
  private static let lasting: Set<String> = ["cell_lost", "cell_ended"]

  /// `answer` is nil where there was none.
  init(_ answer: HTTPAnswer?) {
    guard let answer else {
      self = .notYet
      return
    }
    let codes = (answer.json["problems"]?.array ?? []).compactMap { $0["code"]?.string }
    if answer.status == 200 {
      self = .ready
    } else if let code = codes.first(where: Self.lasting.contains) {
      self = .waitsForSomebody(code)
    } else {
      self = .notYet
    }
  }
}
