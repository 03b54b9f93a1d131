//! What a group will read: plain text from HTML, a template, and the art of fitting a limit without
//! breaking what matters.

pub mod fit;
pub mod html;
pub mod link;
pub mod markdown;
pub mod markup;
pub mod picture;
pub mod tag;
pub mod template;
pub mod text;
