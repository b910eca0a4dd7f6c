-- An order that began elsewhere came with the words of its open request. They are those of the party that asks, though
-- the entry is nobody's command.
SET LOCAL lock_timeout = '30s';
SET LOCAL statement_timeout = '5min';

CREATE OR REPLACE FUNCTION erased_content(content jsonb, what text, whose text[], reasons text[])
RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    -- A refused command may have any name.
    brought CONSTANT boolean := content ->> 'command' = 'imported' AND content ->> 'outcome' = 'applied';
    author CONSTANT text := CASE
        WHEN brought THEN coalesce(content #>> '{events,0,state,request,by}', 'system')
        ELSE content #>> '{actor,role}'
    END;
BEGIN
    IF NOT (
        whose @> ARRAY['client', 'freelancer', 'operator']
        -- Nobody knows who wrote what nobody could prove.
        OR (content ->> 'outcome' <> 'fired' AND (author IS NULL OR content ? 'stranger'))
        OR coalesce(author = ANY(whose), false)
    ) THEN
        RETURN content;
    END IF;
    IF content ->> 'outcome' <> 'refused' THEN
        RETURN content || without_words(content - 'actor' - 'command' - 'command_id', words_of(what), reasons);
    END IF;
    IF what = 'addresses' AND content ->> 'command' <> 'add_evidence' THEN
        RETURN content;
    END IF;
    -- What cannot be read says anything, in keys and in values.
    RETURN content || '{"fields": {}, "private": {}, "details": {}}'
        || CASE WHEN content ->> 'code' = 'unknown_command' THEN '{"command": "unknown_command"}' ELSE '{}' END::jsonb;
END
$$;
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION erased_content(jsonb, text, text[], text[]) SET search_path = %I, pg_temp', current_schema()
    );
END
$$;
