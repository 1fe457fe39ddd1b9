import Storage
import Wire

/// A tenant's templates inside one transaction.
struct Templates {
  private let tx: Transaction
  private let store: TemplatesStore

  init(_ tx: Transaction) throws {
    self.tx = tx
    store = TemplatesStore(try tx.file(.messages))
  }

  /// Nil where there is none of this name in this language.
  func find(name: String, language: String) throws -> Template? {
    try tx.remember(
      Key(name: name, language: language), in: .messages, tables: TemplatesSchema.tableIDs
    ) {
      try TemplatesStore($0).find(name: name, language: language)
    }
  }

  private struct Key: Hashable {
    let name: String
    let language: String
  }

  /// Stores a template; other content makes a new version, which Meta looks at again.
  func put(_ input: TemplateInput) throws -> Template {
    guard let current = try store.find(name: input.name, language: input.language) else {
      let template = Template(
        id: tx.freshID(), name: input.name, language: input.language, status: .pending,
        reason: "", category: input.category, version: 1, parameterFormat: input.parameterFormat,
        components: input.components, changedAt: tx.now)
      try store.insert(template, asked: input.category)
      return template
    }
    let asked = try store.askedCategory(current)
    if asked == input.category, current.parameterFormat == input.parameterFormat,
      current.components == input.components
    {
      return current
    }
    let next = Template(
      id: current.id, name: current.name, language: current.language, status: .pending,
      reason: "", category: input.category, version: current.version + 1,
      parameterFormat: input.parameterFormat, components: input.components, changedAt: tx.now)
    try store.insertVersion(next, asked: input.category)
    try store.update(next)
    return next
  }

  /// Takes over what Meta says about a template.
  ///
  /// False where we do not know it.
  @discardableResult
  func setStatus(
    name: String, language: String, _ status: TemplateStatus, reason: String = ""
  ) throws -> Bool {
    guard var template = try store.find(name: name, language: language) else { return false }
    template.status = status
    template.reason = reason
    try store.update(template)
    return true
  }

  /// Meta charges a template as another category from now on: future quotes follow.
  @discardableResult
  func setCategory(name: String, language: String, _ category: MessageCategory) throws -> Bool {
    guard var template = try store.find(name: name, language: language) else { return false }
    template.category = category
    try store.update(template)
    return true
  }
}
