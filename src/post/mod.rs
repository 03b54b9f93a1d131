//! What a group will read: text from HTML, templates, and making it fit without cutting a link or a
//! grapheme.

mod fit;
mod template;
mod text;

pub use fit::{Limit, fit, length, links};
pub use template::{DEFAULT_TEMPLATE, Template, TemplateError, check_template, words_of};
pub use text::{excerpt, plain};
