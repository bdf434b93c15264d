//! The types of unstructured content, which tools and prompts can return.

/// Calls the macro `$implement` with the types of content, each with its conversion into a `ContentBlock`.
macro_rules! for_each_content_type {
    ($implement:ident) => {
        $implement! {
            rmcp::model::ContentBlock => std::convert::identity;
            String => rmcp::model::ContentBlock::text;
            &'static str => rmcp::model::ContentBlock::text;
            rmcp::model::TextContent => rmcp::model::ContentBlock::Text;
            rmcp::model::ImageContent => rmcp::model::ContentBlock::Image;
            rmcp::model::AudioContent => rmcp::model::ContentBlock::Audio;
            rmcp::model::EmbeddedResource => rmcp::model::ContentBlock::Resource;
            rmcp::model::Resource => rmcp::model::ContentBlock::ResourceLink;
        }
    };
}

pub(crate) use for_each_content_type;
